import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import { LAB_DIRECTORY } from "../../src/lab/claim.ts";
import { LabClient, runningLabs, serveLab } from "../../src/lab/control.ts";
import { Lab } from "../../src/lab/lab.ts";
import { parseTopology, type Topology } from "../../src/lab/topology/topology.ts";
import { start, type Child } from "../../src/linux/process.ts";
import { ping } from "./measure.ts";

const PAIR = (name: string): Topology =>
  parseTopology(
    `version: 1
hosts:
  a: { interfaces: { x: [10.0.0.1/24] } }
  b: { interfaces: { x: [10.0.0.2/24] } }
links:
  l: { ends: [a:x, b:x], delay: 1 ms }
`,
    name,
  );

const namespaces = (prefix: string): string[] =>
  existsSync("/run/netns") ? readdirSync("/run/netns").filter((name) => name.startsWith(prefix)) : [];

/** Processes whose network namespace is one of these, by its inode. */
function inhabitants(inodes: readonly number[]): number[] {
  const inside = (pid: string): boolean => {
    try {
      return inodes.includes(statSync(`/proc/${pid}/ns/net`).ino);
    } catch {
      return false;
    }
  };
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && inside(name))
    .map(Number);
}

const inodesOf = (prefix: string): number[] =>
  namespaces(prefix).map((name) => statSync(`/run/netns/${name}`).ino);

const claims = (prefix: string): string[] =>
  readdirSync(LAB_DIRECTORY).filter((file) => file.startsWith(prefix.slice(0, -1)));

const started: Child[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

/** Starts until-killed.ts; settles when its lab is up. */
async function untilKilled(): Promise<{ child: Child; prefix: string; inodes: readonly number[] }> {
  const program = fileURLToPath(new URL("until-killed.ts", import.meta.url));
  const child = await start([process.execPath, program], {
    life: "free",
    stdio: ["ignore", "pipe", "inherit"],
  });
  started.push(child);
  if (child.stdout === null) throw new Error("no pipe");
  const [prefix] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
  const inodes = inodesOf(prefix);
  expect(inodes).toHaveLength(7);
  // Both sleeps, the web server and iperf3; a program that was just started may not have come there yet.
  await vi.waitFor(() => expect(inhabitants(inodes).length).toBeGreaterThanOrEqual(4), { timeout: 5000 });
  return { child, prefix, inodes };
}

/** The reaper of the lab with this prefix. */
function reaperOf(prefix: string): number {
  const isIt = (pid: string): boolean => {
    try {
      const argv = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return argv.some((arg) => arg.endsWith("/reaper.ts")) && argv.includes(prefix);
    } catch {
      return false;
    }
  };
  return Number(readdirSync("/proc").find((name) => /^\d+$/.test(name) && isIt(name)));
}

describe("nothing stays", () => {
  test("of a lab that is taken down", async () => {
    const lab = await Lab.up("dual");
    const prefix = lab.netns("user").replace(/^.*\/(.*)user$/, "$1");
    const inodes = inodesOf(prefix);
    const child = await lab.start("user", ["sleep", "1000"]);
    await lab.down();
    await lab.down();
    expect(await child.exited).toEqual({ code: null, signal: "SIGKILL" });
    expect(namespaces(prefix)).toEqual([]);
    expect(inhabitants(inodes)).toEqual([]);
    expect(claims(prefix)).toEqual([]);
  });

  test.each(["SIGKILL", "SIGTERM"] as const)("of a lab whose process gets %s", async (signal) => {
    const { child, prefix, inodes } = await untilKilled();
    child.kill(signal);
    await vi.waitFor(() => expect(claims(prefix)).toEqual([]), { timeout: 5000 });
    expect(namespaces(prefix)).toEqual([]);
    expect(inhabitants(inodes)).toEqual([]);
  });

  test("even when the reaper is killed too: the next lab cleans up", async () => {
    const { child, prefix, inodes } = await untilKilled();
    process.kill(reaperOf(prefix), "SIGKILL");
    child.kill("SIGKILL");
    await child.exited;
    expect(namespaces(prefix)).toHaveLength(7);
    await (await Lab.up(PAIR("next"))).down();
    expect(claims(prefix)).toEqual([]);
    expect(namespaces(prefix)).toEqual([]);
    expect(inhabitants(inodes)).toEqual([]);
  });

  test("of a lab that cannot be built", async () => {
    const { hosts, links } = PAIR("broken");
    const [a, b] = [hosts["a"], hosts["b"]];
    if (a === undefined || b === undefined) throw new Error("no hosts");
    // Past the checks of a file: a route that the kernel refuses.
    const route = { family: 4, destination: "default", gateway: "192.0.2.1", metric: undefined } as const;
    const broken: Topology = { ...PAIR("broken"), links, hosts: { a: { ...a, routes: [route] }, b } };
    const before = namespaces(`sennit-${process.pid}`);
    await expect(Lab.up(broken)).rejects.toMatchObject({ code: "exec-failed", causeClass: "kernel" });
    expect(namespaces(`sennit-${process.pid}`)).toEqual(before);
  });
});

describe("several labs at once", () => {
  test("do not see each other", async () => {
    const [one, two] = await Promise.all([Lab.up(PAIR("one")), Lab.up(PAIR("two"))]);
    try {
      await one.fault("blackhole", "l");
      expect((await ping(one, "a", "10.0.0.2", { count: 2 })).received).toBe(0);
      expect((await ping(two, "a", "10.0.0.2", { count: 2 })).received).toBe(2);
      expect((await one.status()).hosts[0]?.netns).not.toBe((await two.status()).hosts[0]?.netns);
      await one.down();
      expect((await ping(two, "a", "10.0.0.2", { count: 2 })).received).toBe(2);
    } finally {
      await one.down();
      await two.down();
    }
  });
});

describe("a lab commanded from elsewhere", () => {
  test("by name: status, faults, healing, the end", async () => {
    const name = `served-${process.pid}`;
    const served = await serveLab(PAIR("pair"), { name });
    try {
      const client = new LabClient(name);
      expect(await runningLabs()).toContain(name);
      await expect(serveLab(PAIR("pair"), { name })).rejects.toMatchObject({ code: "already-running" });
      await client.fault("loss", "l:up", "50 %");
      const status = await client.status();
      expect(status).toMatchObject({
        name,
        topology: "pair",
        pid: process.pid,
        hosts: [
          { name: "a", kind: "host", interfaces: { x: ["10.0.0.1/24"] }, nat: null },
          { name: "b", netns: served.lab.netns("b") },
        ],
        links: [
          {
            name: "l",
            ends: ["a:x", "b:x"],
            emulated: true,
            up: { loss: 500, rate: null },
            down: { loss: 0 },
          },
        ],
        faults: [{ fault: "loss", target: "l:up", value: "50 %" }],
      });
      expect(await client.heal("delay")).toEqual([]);
      expect(await client.heal()).toEqual(status.faults);
      await expect(client.fault("bogus", "l")).rejects.toMatchObject({ code: "lab-bad-fault" });
      await expect(client.fault("loss", "l")).rejects.toMatchObject({ code: "lab-bad-fault" });
      await client.down();
      await served.asked;
    } finally {
      await served.close();
    }
    await expect(new LabClient(name).status()).rejects.toMatchObject({ code: "not-running" });
    expect(existsSync(`${LAB_DIRECTORY}/${name}.sock`)).toBe(false);
  });

  test("a name that is none", async () => {
    await expect(serveLab(PAIR("pair"), { name: "../x" })).rejects.toMatchObject({ code: "lab-bad-name" });
  });
});
