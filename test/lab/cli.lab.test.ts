import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runningLabs } from "../../src/lab/control.ts";
import { labStatus } from "../../src/lab/status.ts";
import { loadTopology, parseTopology } from "../../src/lab/topology/topology.ts";
import { start, type Child } from "../../src/linux/process.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const NAME = `cli-${process.pid}`;
const TOPOLOGY = `version: 1
about: two hosts
hosts:
  a: { interfaces: { x: [10.0.0.1/24] } }
  b: { interfaces: { x: [10.0.0.2/24] } }
links:
  l: { ends: [a:x, b:x], delay: 1 ms }
`;

let directory: string;
let file: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sennit-lab-"));
  file = join(directory, "pair.yaml");
  await writeFile(file, TOPOLOGY);
});
afterAll(async () => {
  await sennit("down", "--name", NAME);
  await rm(directory, { recursive: true });
});

const sennitLab = (...args: readonly string[]): Promise<Child> =>
  start([process.execPath, MAIN, "lab", ...args], { life: "tied", stdio: ["ignore", "pipe", "pipe"] });

/** Runs `sennit lab ...` to its end. */
async function sennit(
  ...args: readonly string[]
): Promise<{ code: number | null; out: string; err: string }> {
  const { stdout, stderr, exited } = await sennitLab(...args);
  if (stdout === null || stderr === null) throw new Error("no pipes");
  const [out, err, { code }] = await Promise.all([text(stdout), text(stderr), exited]);
  return { code, out, err };
}

describe("a lab in the background", () => {
  test("comes up, and is there when the command has ended", async () => {
    const { code, out, err } = await sennit("up", file, "--name", NAME, "--detach");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(new RegExp(`^${NAME} is up: two hosts\n`));
    expect(await runningLabs()).toContain(NAME);
  });

  test("a second one of the same name is refused", async () => {
    const { code, err } = await sennit("up", file, "--name", NAME, "--detach");
    expect(code).toBe(2);
    expect(err).toContain(`a lab named ${NAME} is up`);
  });

  test("runs programs: their output and exit code are ours", async () => {
    const run = await sennit("exec", "--name", NAME, "a", "--", "ping", "-c1", "-q", "10.0.0.2");
    expect(run.out).toContain("1 received");
    expect(run.code).toBe(0);
    expect((await sennit("exec", "--name", NAME, "a", "sh", "-c", "exit 7")).code).toBe(7);
    expect((await sennit("exec", "--name", NAME, "a", "--", "sh", "-c", "kill -TERM $$")).code).toBe(143);
    const nowhere = await sennit("exec", "--name", NAME, "c", "true");
    expect(nowhere.code).toBe(2);
    expect(nowhere.err).toContain("allowed is a or b");
  });

  test("passes the terminal on", async () => {
    const command = `${process.execPath} ${MAIN} lab exec --name ${NAME} a -- tty`;
    const script = await start(["script", "--quiet", "--return", "--command", command, "/dev/null"], {
      life: "tied",
      stdio: ["ignore", "pipe", "inherit"],
    });
    if (script.stdout === null) throw new Error("no pipe");
    expect(await text(script.stdout)).toMatch(/^\/dev\/pts\/\d+\r?\n/);
  });

  test("goes wrong and is healed, and says so", async () => {
    expect(await sennit("fault", "--name", NAME, "loss", "l:up", "2 %")).toMatchObject({ code: 0, out: "" });
    const { out } = await sennit("status", "--name", NAME);
    expect(out).toContain("fault: loss l:up 2 %");
    const json = labStatus.parse(JSON.parse((await sennit("status", "--name", NAME, "--json")).out));
    expect(json).toMatchObject({ name: NAME, faults: [{ fault: "loss", target: "l:up", value: "2 %" }] });
    expect(await sennit("heal", "--name", NAME)).toMatchObject({ code: 0, out: "healed: loss l:up 2 %\n" });
    const wrong = await sennit("fault", "--name", NAME, "loss", "l:up", "fast");
    expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('such as "0.5 %"') });
  });

  test("says all of it to programs, too", async () => {
    const json = async (...args: readonly string[]): Promise<unknown> =>
      JSON.parse((await sennit(...args, "--name", NAME, "--json")).out);
    const loss = { fault: "loss", target: "l:up", value: "2 %" };
    expect(await json("fault", "loss", "l:up", "2 %")).toEqual([loss]);
    expect(await json("heal", "delay")).toEqual([]);
    expect(await json("heal")).toEqual([loss]);
  });

  test("goes down, and then is not there", async () => {
    expect(await sennit("down", "--name", NAME)).toMatchObject({ code: 0, err: "" });
    expect(await runningLabs()).not.toContain(NAME);
    expect(await sennit("status", "--name", NAME)).toMatchObject({ code: 3 });
  });
});

describe("profiles", () => {
  const DUAL = `${NAME}-dual`;
  afterAll(() => sennit("down", "--name", DUAL));
  const current = async (): Promise<unknown> =>
    labStatus.parse(JSON.parse((await sennit("status", "--name", DUAL, "--json")).out)).profile;

  test("are listed, to people and to programs", async () => {
    expect((await sennit("profile")).out).toMatch(/^loss_2 +50 Mbit\/s 20 ms 2 % +50 Mbit\/s 20 ms 2 %$/m);
    expect(Object.keys(JSON.parse((await sennit("profile", "--json")).out) as object)).toHaveLength(16);
  });

  test("make the WANs of a lab what they say, from the start and while it runs", async () => {
    const up = await sennit("up", "dual", "--name", DUAL, "--profile", "rtt_70", "--detach");
    expect(up).toMatchObject({ code: 0, err: "" });
    expect(await current()).toBe("rtt_70");
    expect(await sennit("profile", "lte_geo", "--name", DUAL)).toMatchObject({ code: 0, out: "" });
    expect((await sennit("status", "--name", DUAL)).out).toContain("profile: lte_geo\n");
    expect(await sennit("profile", "none", "--name", DUAL)).toMatchObject({ code: 0 });
    expect(await current()).toBeNull();
  });

  test("are refused where there is none of that name, or there are no WANs", async () => {
    expect(await sennit("profile", "fast", "--name", DUAL)).toMatchObject({
      code: 2,
      err: expect.stringContaining("allowed is baseline, rtt_40"),
    });
    expect(await sennit("up", file, "--profile", "baseline", "--name", NAME)).toMatchObject({
      code: 2,
      err: expect.stringContaining("wans: [fibre, lte]"),
    });
  });

  test("a file of rates is meant as seen from where it is told", async () => {
    await writeFile(join(directory, "pauses.trace"), "0: 1 Mbit/s\n1 s: 0\n2 s: repeat\n");
    const argv = [MAIN, "lab", "fault", "rate-trace", "wan1", "pauses.trace", "--name", DUAL];
    const told = start(["env", "--chdir", directory, process.execPath, ...argv], {
      life: "tied",
      stdio: "inherit",
    });
    expect(await (await told).exited).toMatchObject({ code: 0 });
    const { links } = labStatus.parse(JSON.parse((await sennit("status", "--name", DUAL, "--json")).out));
    expect(links.find(({ name }) => name === "wan1")?.up).toMatchObject({
      rate: 1e6,
      trace: join(directory, "pauses.trace"),
    });
  });
});

describe("a lab in the foreground", () => {
  test.each(["SIGINT", "SIGTERM"] as const)("ends cleanly on %s", async (signal) => {
    const child = await sennitLab("up", file, "--name", NAME, "--json");
    if (child.stdout === null) throw new Error("no pipe");
    const [said] = (await once(child.stdout, "data")) as [Buffer];
    expect(labStatus.parse(JSON.parse(said.toString()))).toMatchObject({ name: NAME, pid: child.pid });
    expect(await runningLabs()).toContain(NAME);
    child.kill(signal);
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect(await runningLabs()).not.toContain(NAME);
  });

  test("a wrong file: every problem, exit code 2, nothing built", async () => {
    const wrong = join(directory, "wrong.yaml");
    await writeFile(wrong, TOPOLOGY.replace("b:x", "c:x").replace("1 ms", "soon"));
    for (const args of [[], ["--detach"]]) {
      const { code, err } = await sennit("up", wrong, "--name", NAME, ...args);
      expect(code).toBe(2);
      expect(err).toContain("3 problems");
    }
  });
});

describe("topologies", () => {
  test("are listed and shown", async () => {
    expect((await sennit("topologies")).out).toMatch(
      /^cascade +200 users.*\ndhcp +one user.*\ndual +one user/m,
    );
    // What is shown is a topology file.
    const { out } = await sennit("show", "cascade");
    expect(parseTopology(out, "cascade")).toEqual(await loadTopology("cascade"));
  });

  test("are listed and shown to programs, too", async () => {
    const cascade = await loadTopology("cascade");
    const listed: unknown = JSON.parse((await sennit("topologies", "--json")).out);
    expect(listed).toContainEqual({ name: "cascade", about: cascade.about });
    expect(JSON.parse((await sennit("show", "cascade", "--json")).out)).toEqual(
      JSON.parse(JSON.stringify(cascade)),
    );
  });
});
