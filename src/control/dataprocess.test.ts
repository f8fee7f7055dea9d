import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ordersWith } from "../../test/relay/fake-plane.ts";
import { systemClock } from "../base/clock.ts";
import { MemoryLog } from "../base/log.ts";
import { DataProcess, stopDataProcess } from "./dataprocess.ts";
import { JsonLines } from "./jsonlines.ts";
import type { DataReport } from "./messages.ts";

const MAIN = fileURLToPath(new URL("../../test/relay/fake-plane-main.ts", import.meta.url));
const WAIT = { timeout: 10_000, interval: 10 };

let directory: string;
let socket: string;
const processes: DataProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sennit-test-"));
  socket = join(directory, "data.sock");
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((one) => one.stop()));
  await stopDataProcess(socket, systemClock);
  rmSync(directory, { recursive: true });
});

function create(argv: readonly [string, ...string[]] = [process.execPath, MAIN, socket]) {
  const reports: (DataReport | undefined)[] = [];
  const log = new MemoryLog();
  const data = new DataProcess({
    socket,
    argv,
    clock: systemClock,
    log,
    onReport: (report) => reports.push(report),
  });
  processes.push(data);
  return { data, reports, log };
}

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};
const lastPid = (reports: readonly (DataReport | undefined)[]): number | undefined => reports.at(-1)?.pid;
const carriedOut = (reports: readonly (DataReport | undefined)[], count: number): Promise<void> =>
  vi.waitFor(() => expect(reports.at(-1)?.counts.opened).toBe(count), WAIT);

describe("control's data process", () => {
  test("is started, told its orders once, asked for reports, and ended", async () => {
    const { data, reports } = create();
    data.configure(ordersWith(1));
    await data.start();
    await carriedOut(reports, 1);
    expect(data.status).toMatchObject({
      state: "running",
      restarts: 0,
      refusal: null,
      pid: lastPid(reports),
    });
    data.configure(ordersWith(1));
    data.configure(ordersWith(2));
    await carriedOut(reports, 2);
    const pid = lastPid(reports) ?? expect.fail();
    await data.stop();
    await vi.waitFor(() => expect(alive(pid)).toBe(false), WAIT);
    expect(reports.at(-1)).toBeUndefined();
    expect(data.status).toMatchObject({ state: "stopped", pid: null, restarts: 0 });
  });

  test("is found by the next control, orders and all", async () => {
    const first = create();
    await first.data.start();
    first.data.configure(ordersWith(1));
    await carriedOut(first.reports, 1);
    const pid = lastPid(first.reports) ?? expect.fail();
    first.data.detach();
    const second = create();
    await second.data.start();
    expect(lastPid(second.reports)).toBe(pid);
    expect(second.reports.at(-1)?.counts.opened).toBe(1);
    expect(alive(pid)).toBe(true);
  });

  test("is started again when it is killed, later each time, with its orders", async () => {
    const { data, reports, log } = create();
    data.configure(ordersWith(1));
    await data.start();
    const pids: number[] = [];
    for (let kill = 1; kill <= 2; kill++) {
      await carriedOut(reports, 1);
      const pid = lastPid(reports) ?? expect.fail();
      pids.push(pid);
      process.kill(pid, "SIGKILL");
      await vi.waitFor(() => expect(data.status.restarts).toBe(kill), WAIT);
      expect(reports).toContain(undefined);
    }
    await carriedOut(reports, 1);
    expect(new Set([...pids, lastPid(reports)]).size).toBe(3);
    const ends = log.lines.filter(({ message }) => message === "data process ended");
    expect(ends.map(({ fields }) => fields["signal"])).toEqual(["SIGKILL", "SIGKILL"]);
  });

  test.each([
    ["there is no such program", ["/nothing/of/this/name"]],
    ["it ends at once", [process.execPath, "-e", "process.exit(1)"]],
  ] as const)("is said to be stopped, and tried again, while %s", async (_, argv) => {
    const { data, log } = create([...argv] as [string, ...string[]]);
    await data.start();
    const failures = () => log.lines.filter(({ message }) => message === "data process not started");
    await vi.waitFor(() => expect(failures().length).toBeGreaterThanOrEqual(3), WAIT);
    expect(data.status).toMatchObject({ pid: null, restarts: 0 });
    expect(data.status.state).not.toBe("running");
    await data.stop();
  });

  test("is found again when only the link to it is lost", async () => {
    const { data, reports } = create();
    data.configure(ordersWith(1));
    await data.start();
    await carriedOut(reports, 1);
    const pid = lastPid(reports);
    // A newer control: the data process hangs up on the older one.
    const other = connect(socket).on("error", () => undefined);
    await vi.waitFor(() => expect(reports).toContain(undefined), WAIT);
    await vi.waitFor(() => expect(lastPid(reports)).toBe(pid), WAIT);
    expect(data.status).toMatchObject({ pid, restarts: 0 });
    other.destroy();
  });

  test("is ended before the next one is started, where it lives on without its socket", async () => {
    const file = join(directory, "pids");
    const script = `
      require("fs").appendFileSync(process.argv[2], process.pid + " ");
      const server = require("net").createServer((socket) => { socket.destroy(); server.close(); });
      server.listen(process.argv[1]);
      setTimeout(() => undefined, 20_000);`;
    const { data } = create([process.execPath, "-e", script, socket, file]);
    await data.start();
    const pids = () => readFileSync(file, "utf8").trim().split(" ").map(Number);
    await vi.waitFor(() => expect(pids().length).toBeGreaterThanOrEqual(2), WAIT);
    expect(pids().slice(0, -1).filter(alive)).toEqual([]);
    await data.stop();
    expect(pids().filter(alive)).toEqual([]);
  });

  test("is replaced when what it says makes no sense", async () => {
    const heard: unknown[] = [];
    const strange = createServer((connection) => {
      connection.on("error", () => undefined);
      const lines = new JsonLines(connection, (value) => {
        heard.push(value);
        strange.close();
        lines.close();
      });
      lines.send({ type: "dance" });
    });
    await new Promise<void>((resolve) => strange.listen(socket, resolve));
    const { data, reports } = create();
    data.configure(ordersWith(1));
    const started = data.start();
    await carriedOut(reports, 1);
    await started;
    expect(heard).toContainEqual({ type: "stop" });
    expect(data.status.restarts).toBe(1);
  });

  test("is not left behind when control stops while it starts", async () => {
    const gate = join(directory, "gate");
    const { data } = create([process.execPath, MAIN, socket, gate]);
    await data.start();
    const stopped = data.stop();
    writeFileSync(gate, "");
    await stopped;
    expect(await stopDataProcess(socket, systemClock)).toBe(false);
  });

  test("of another version is replaced", async () => {
    const heard: unknown[] = [];
    const older = createServer((connection) => {
      const lines = new JsonLines(connection, (value) => {
        heard.push(value);
        older.close();
        lines.close();
      });
      connection.on("error", () => undefined);
      lines.send({ type: "hello", version: "0.0.0", role: "router", pid: 1 });
    });
    await new Promise<void>((resolve) => older.listen(socket, resolve));
    const { data, reports } = create();
    data.configure(ordersWith(1));
    await data.start();
    expect(heard[0]).toEqual({ type: "stop" });
    await carriedOut(reports, 1);
    expect(lastPid(reports)).not.toBe(1);
    expect(data.status.restarts).toBe(0);
  });

  test("stopping where there is none says so", async () => {
    expect(await stopDataProcess(socket, systemClock)).toBe(false);
  });
});
