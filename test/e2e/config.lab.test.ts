import { closeSync, existsSync, openSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { stringify } from "yaml";
import { statusSchema, type StatusReport } from "../../src/api/status.ts";
import { Closer } from "../../src/base/closer.ts";
import type { ExecResult } from "../../src/linux/exec.ts";
import { start, type Child } from "../../src/linux/process.ts";
import { kernelState, type KernelState } from "../linux/kernelstate-namespace.ts";
import { LogFile } from "./logfile.ts";
import { sennitArgv } from "./program.ts";
import { until } from "./until.ts";

/*
 * A router alone, with whatever its user gets wrong.
 *
 *   lan0 --- router --- fibre0
 */
let closer: Closer;
let router: KernelState;
let directory: string;
let file: string;

beforeEach(async () => {
  closer = new Closer();
  router = await kernelState(closer, "router");
  await router.device("lan0", "192.168.1.1/24");
  await router.device("fibre0", "10.1.0.2/24");
  await router.ip("route add default via 10.1.0.1 dev fibre0");
  directory = await mkdtemp(join(tmpdir(), "sennit-e2e-"));
  closer.add("files", () => rm(directory, { recursive: true }));
  file = join(directory, "router.yaml");
});
afterEach(() => closer.close());

const GOOD = {
  version: 1,
  lan: { interfaces: ["lan0"] },
  wans: { fibre: { interface: "fibre0" } },
};

const configure = (content: object): Promise<void> =>
  writeFile(
    file,
    stringify({ ...content, directories: { state: join(directory, "state"), run: join(directory, "run") } }),
  );

/** Runs a command line to its end, whatever its exit code is. */
const sennit = (args: readonly string[], input = ""): Promise<ExecResult> =>
  router.exec(sennitArgv(...args), { input, allow: [0, 1, 2, 3] });

/** A token of a server that is not there. */
async function token(): Promise<string> {
  const serverFile = join(directory, "server.yaml");
  const directories = { state: join(directory, "server-state"), run: join(directory, "server") };
  await writeFile(serverFile, stringify({ version: 1, directories }));
  const args = ["server", "invite", "--endpoint", "203.0.113.10:443", "--config", serverFile];
  return (await sennit(args)).stdout.trim();
}

it("tells every mistake in a config with its path, what it found and what is allowed, and touches nothing", async () => {
  await configure({
    ...GOOD,
    wans: { fibre: { interface: "fibre0", role: "spare" }, lte: { interface: "fibre0" } },
    relay: { speed: 9 },
  });
  const before = await router.snapshot();
  const { status, stderr } = await sennit(["router", "run", "--config", file]);
  expect(status).toBe(2);
  expect(stderr).toBe(
    [
      `sennit: ${file}: 3 problems`,
      '  line 8, wans.fibre.role: found "spare"; allowed is active, backup or off',
      '  line 10, wans.lte.interface: found "fibre0", which is wans.fibre.interface already; allowed is a device of its own',
      '  line 12, relay.speed: found the unknown key "speed"; allowed is carriers, maxCarriers, grace, drain, workers or onFailure',
      "",
    ].join("\n"),
  );
  expect(await router.snapshot()).toBe(before);
});

it("plans for a start, changing nothing; the plan is a script that does it", async () => {
  await configure(GOOD);
  const before = await router.snapshot();
  const plan = await sennit(["plan", "--config", file]);
  expect(plan).toMatchObject({ status: 0, stderr: "" });
  expect(plan.stdout).toContain("ip rule add priority 8300 oif fibre0 lookup 8301 protocol 83\n");
  expect(plan.stdout).toContain("nft -f - <<'EOF'\n");
  const { steps } = JSON.parse((await sennit(["plan", "--json", "--config", file])).stdout) as {
    steps: { command: string; input: string | null }[];
  };
  for (const { command } of steps) expect(plan.stdout).toContain(command);
  expect(await router.snapshot()).toBe(before);
  expect(existsSync(join(directory, "state"))).toBe(false);

  await router.exec(["sh", "-e"], { input: plan.stdout });
  expect(await router.snapshot()).not.toBe(before);
  expect((await sennit(["plan", "--config", file])).stdout).toMatch(/^# nothing would change\n/);
});

it("says what to do when the router belongs to no server yet", async () => {
  await configure(GOOD);
  const before = await router.snapshot();
  const { status, stderr } = await sennit(["router", "run", "--config", file]);
  expect(status).toBe(2);
  expect(stderr).toMatch(
    /^sennit: this router belongs to no server yet\n {2}-> .*sennit server invite.*sennit router join/,
  );
  expect(await router.snapshot()).toBe(before);
});

it("joins with the server's token, and not with one that lost a part", async () => {
  await configure(GOOD);
  const text = await token();
  const join = (mutilated: string) => sennit(["router", "join", "-", "--config", file], mutilated);
  const mistyped = text.replace(/(?<=^.{20})./, (found) => (found === "x" ? "y" : "x"));
  for (const mutilated of [text.slice(0, -8), mistyped, text.slice(5), ""]) {
    const { status, stderr } = await join(mutilated);
    expect(stderr).toMatch(/^sennit: this is not a join token: it.+\n {2}-> copy the whole line/);
    expect(status).toBe(2);
  }
  expect((await sennit(["router", "run", "--config", file])).stderr).toContain("belongs to no server yet");
  expect(await join(`${text}\n`)).toMatchObject({
    status: 0,
    stdout: "joined: this router will dial 203.0.113.10:443\n",
  });
});

/** Joins and runs the router until the test ends. */
async function run(): Promise<Child> {
  await configure(GOOD);
  await sennit(["router", "join", "-", "--config", file], await token());
  const argv = sennitArgv("router", "run", "--config", file);
  const log = openSync(join(directory, "log"), "a");
  closer.add("log", () => closeSync(log));
  const child = await start(argv, { netns: router.path, life: "tied", stdio: ["ignore", "ignore", log] });
  closer.add("router", async () => {
    child.kill("SIGTERM");
    await child.exited;
  });
  await new LogFile(join(directory, "log")).until(({ msg }) => msg === "running", 0, 20_000);
  return child;
}

const status = async (): Promise<StatusReport> =>
  statusSchema.parse(
    JSON.parse((await sennit(["status", "--json", "--dir", join(directory, "run")])).stdout),
  );

/** The data process, when there is one that has its orders. */
const dataPid = async (): Promise<number> => {
  const { data } = await until(
    status,
    ({ data }) => data.pid !== null && data.state.name === "running",
    20_000,
  );
  return data.pid ?? 0;
};

it("runs once in its network namespace: a second one, or a clean, leaves the first alone", async () => {
  await configure(GOOD);
  const running = () => sennit(["status", "--config", file]);
  expect(await running()).toMatchObject({ status: 3, stderr: expect.stringContaining("nothing is running") });
  await run();
  expect((await running()).status).toBe(0);
  const pid = await dataPid();
  const before = await router.snapshot();

  const other = join(directory, "other.yaml");
  const directories = { state: join(directory, "state"), run: join(directory, "other") };
  await writeFile(other, stringify({ ...GOOD, directories }));
  for (const config of [file, other]) {
    for (const command of ["run", "clean"]) {
      const second = await sennit(["router", command, "--config", config]);
      expect(second.stderr).toMatch(/^sennit: another Sennit .*already/);
      expect(second.status).toBe(2);
    }
  }
  expect(await router.snapshot()).toBe(before);
  expect(await dataPid()).toBe(pid);
});

it("needs its config file no more once it runs, nor for cleaning up", async () => {
  const before = await router.snapshot();
  const control = await run();
  const pid = await dataPid();
  await configure({ ...GOOD, speed: 9 });
  process.kill(pid, "SIGKILL");
  await until(status, ({ data }) => data.restarts === 1, 20_000);
  const next = await dataPid();
  expect(next).not.toBe(pid);

  control.kill("SIGKILL");
  await control.exited;
  expect((await sennit(["router", "clean", "--config", file])).stderr).toContain('unknown key "speed"');
  expect(await router.snapshot()).not.toBe(before);
  const cleaned = await sennit(["router", "clean", "--dir", join(directory, "run")]);
  expect(cleaned.stdout).toMatch(/^stopped the data process\ntook back \d+ changes in the kernel\n$/);
  expect(await router.snapshot()).toBe(before);
});

it("says which file is damaged when what it joined makes no sense, and touches nothing", async () => {
  await configure(GOOD);
  await sennit(["router", "join", "-", "--config", file], await token());
  const joined = join(directory, "state", "server.json");
  const content = JSON.parse(await readFile(joined, "utf8")) as object;
  await writeFile(joined, JSON.stringify({ ...content, pin: "zz" }));
  const before = await router.snapshot();
  const { status, stderr } = await sennit(["router", "run", "--config", file]);
  expect(stderr).toMatch(/^sennit: .*server\.json is damaged: .*pin/s);
  expect(status).toBe(2);
  expect(await router.snapshot()).toBe(before);
});
