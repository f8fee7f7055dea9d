import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ordersWith } from "../../test/relay/fake-plane.ts";
import { systemClock } from "../base/clock.ts";
import { MemoryLog } from "../base/log.ts";
import { DataProcess } from "./dataprocess.ts";
import { stopDataProcesses } from "./datastarter.ts";
import { JsonLines } from "./jsonlines.ts";
import type { DataReport } from "./messages.ts";
import { dataSocket } from "./place.ts";

const MAIN = fileURLToPath(new URL("../../test/relay/fake-plane-main.ts", import.meta.url));
const WAIT = { timeout: 10_000, interval: 10 };

let directory: string;
const processes: DataProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sennit-test-"));
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((one) => one.stop()));
  await stopDataProcesses(directory, systemClock);
  rmSync(directory, { recursive: true });
});

function create(argv: readonly [string, ...string[]] = [process.execPath, MAIN, directory]) {
  const reports: (DataReport | undefined)[] = [];
  /** Heirs that had carried out their orders when it was asked whether they are ready. */
  const weighed: number[] = [];
  const log = new MemoryLog();
  const data = new DataProcess({
    runDirectory: directory,
    argv,
    clock: systemClock,
    log,
    drainLimitMs: 60_000,
    isReady: ({ pid, intercepting }) => {
      weighed.push(pid);
      return intercepting !== null;
    },
    whileWaiting: (orders) => orders,
    whileDraining: (orders) => orders,
    onReport: (report) => void reports.push(report),
  });
  processes.push(data);
  return { data, reports, weighed, log };
}

/** Beyond all pids that there are (PID_MAX_LIMIT in linux/threads.h). */
const NOBODY = 2 ** 22 + 1;

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
    const other = connect(dataSocket(directory, pid ?? 0)).on("error", () => undefined);
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
      server.listen(process.argv[1] + "/data-" + process.pid + ".sock");
      setTimeout(() => undefined, 20_000);`;
    const { data } = create([process.execPath, "-e", script, directory, file]);
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
    await new Promise<void>((resolve) => strange.listen(dataSocket(directory, NOBODY), resolve));
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
    const { data } = create([process.execPath, MAIN, directory, gate]);
    await data.start();
    const stopped = data.stop();
    writeFileSync(gate, "");
    await stopped;
    expect(await stopDataProcesses(directory, systemClock)).toBe(0);
  });

  test("of another version goes on until the new one can, and is told to drain", async () => {
    const heard: unknown[] = [];
    const older = createServer((connection) => {
      const lines = new JsonLines(connection, (value) => heard.push(value));
      connection.on("error", () => undefined);
      lines.send({
        type: "hello",
        version: "0.0.0",
        role: "router",
        pid: NOBODY,
        phase: "serving",
        ageMs: 5000,
        drainLeftMs: null,
      });
      lines.send({ type: "report", nothing: "that we know" });
    });
    await new Promise<void>((resolve) => older.listen(dataSocket(directory, NOBODY), resolve));
    const { data, reports } = create();
    data.configure(ordersWith(1));
    await data.start();
    await carriedOut(reports, 1);
    expect(heard.slice(0, 2)).toEqual([{ type: "report?" }, { type: "configure", orders: ordersWith(1) }]);
    await vi.waitFor(() => expect(heard).toContainEqual({ type: "drain", limitMs: 60_000 }), WAIT);
    expect(data.status).toMatchObject({
      state: "running",
      pid: lastPid(reports),
      restarts: 0,
      draining: [{ pid: NOBODY, version: "0.0.0", flows: null }],
    });
    older.close();
  });

  test("stopping where there is none says so", async () => {
    expect(await stopDataProcesses(directory, systemClock)).toBe(0);
  });
});

describe("a hand-over", () => {
  const file = (name: string): string => join(directory, name);
  const flow = (): string => file("flow");

  /** A control whose data process has carried out orders, and has a flow. */
  async function serving() {
    const one = create();
    one.data.configure(ordersWith(1));
    await one.data.start();
    await carriedOut(one.reports, 1);
    writeFileSync(flow(), "");
    return { ...one, pid: lastPid(one.reports) ?? expect.fail() };
  }

  const handedOver = (data: DataProcess, from: number): Promise<void> =>
    vi.waitFor(() => expect(data.status.draining.map(({ pid }) => pid)).toEqual([from]), WAIT);

  test("goes to a new process, which has the orders, and the old one ends with its last flow", async () => {
    const { data, reports, pid } = await serving();
    data.replace();
    await handedOver(data, pid);
    await vi.waitFor(() => expect(data.status.draining).toMatchObject([{ pid, flows: 1 }]), WAIT);
    expect(data.status).toMatchObject({ state: "running", restarts: 0, heir: null });
    expect(lastPid(reports)).not.toBe(pid);
    expect(reports).not.toContain(undefined);
    rmSync(flow());
    await vi.waitFor(() => expect(alive(pid)).toBe(false), WAIT);
    await vi.waitFor(() => expect(data.status.draining).toEqual([]), WAIT);
    expect(data.status.pid).toBe(lastPid(reports));
  });

  test("waits until the new one is ready; meanwhile the old one serves", async () => {
    const { data, pid } = await serving();
    writeFileSync(file("closed"), "");
    data.replace();
    await vi.waitFor(() => expect(data.status.heir).not.toBeNull(), WAIT);
    data.configure(ordersWith(2));
    await vi.waitFor(() => expect(data.status.heir?.refusal).toBeNull(), WAIT);
    expect(data.status).toMatchObject({ pid, state: "running", draining: [] });
    rmSync(file("closed"));
    await handedOver(data, pid);
  });

  test("goes on where the next control finds it: before the new one is there", async () => {
    const first = await serving();
    first.data.retire();
    first.data.detach();
    const second = create();
    second.data.configure(ordersWith(1));
    await second.data.start();
    expect(second.data.status.pid).toBe(first.pid);
    await handedOver(second.data, first.pid);
    expect(second.data.status.pid).not.toBe(first.pid);
  });

  test("goes on where the next control finds it: with the new one not ready yet", async () => {
    const first = await serving();
    writeFileSync(file("closed"), "");
    first.data.replace();
    await vi.waitFor(() => expect(first.data.status.heir).not.toBeNull(), WAIT);
    const heir = first.data.status.heir?.pid;
    // Before its orders are carried out it would be nobody's, and end. The reports are the old one's, and tell nothing of it.
    await vi.waitFor(() => expect(first.weighed).toContain(heir), WAIT);
    first.data.detach();
    const second = create();
    second.data.configure(ordersWith(1));
    await second.data.start();
    expect(second.data.status).toMatchObject({ pid: first.pid, heir: { pid: heir } });
    rmSync(file("closed"));
    await handedOver(second.data, first.pid);
    expect(second.data.status.pid).toBe(heir);
  });

  test("is over where the next control finds the old one draining", async () => {
    const first = await serving();
    first.data.replace();
    await handedOver(first.data, first.pid);
    const { pid } = first.data.status;
    first.data.detach();
    const second = create();
    await second.data.start();
    expect(second.data.status).toMatchObject({ pid, heir: null, draining: [{ pid: first.pid, flows: 1 }] });
    expect(second.data.status.draining[0]?.leftMs).toBeLessThan(60_000);
  });

  test.each(["old", "new"] as const)(
    "is not kept from ending well by the death of the %s one",
    async (which) => {
      const { data, reports, pid } = await serving();
      writeFileSync(file("closed"), "");
      data.replace();
      await vi.waitFor(() => expect(data.status.heir).not.toBeNull(), WAIT);
      const heir = data.status.heir?.pid ?? expect.fail();
      process.kill(which === "old" ? pid : heir, "SIGKILL");
      if (which === "old") await vi.waitFor(() => expect(data.status.pid).toBe(heir), WAIT);
      else await vi.waitFor(() => expect(data.status.heir?.pid ?? heir).not.toBe(heir), WAIT);
      rmSync(file("closed"));
      await vi.waitFor(() => expect(reports.at(-1)?.intercepting).not.toBeNull(), WAIT);
      await vi.waitFor(() => expect(data.status).toMatchObject({ state: "running", heir: null }), WAIT);
      expect(data.status.pid).not.toBe(pid);
    },
  );

  test("leaves nothing behind when control stops in the middle of it", async () => {
    const { data, pid } = await serving();
    data.replace();
    await handedOver(data, pid);
    const now = data.status.pid ?? expect.fail();
    await data.stop();
    await vi.waitFor(() => expect([pid, now].filter(alive)).toEqual([]), WAIT);
  });
});
