import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FakePlane, ordersWith } from "../../test/relay/fake-plane.ts";
import { settle } from "../../test/relay/until.ts";
import { ManualClock } from "../base/clock.ts";
import { MemoryLog } from "../base/log.ts";
import { VERSION } from "../base/version.ts";
import { DataHost } from "./datahost.ts";
import { JsonLines } from "./jsonlines.ts";
import { dataMessage, type DataMessage } from "./messages.ts";

const WAIT = { timeout: 10_000, interval: 5 };

let directory: string;
let path: string;
let host: DataHost;
let plane: FakePlane;
let running: Promise<void>;
const log = new MemoryLog();
let clock: ManualClock;
const sockets: Socket[] = [];

interface Control {
  readonly lines: JsonLines;
  readonly heard: DataMessage[];
  readonly socket: Socket;
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "sennit-test-"));
  path = join(directory, "data.sock");
  plane = new FakePlane();
  clock = new ManualClock();
  host = new DataHost({
    role: "router",
    socket: path,
    clock,
    log,
    createPlane: (tell) => (plane = new FakePlane(tell)),
  });
  // What a data process that was killed leaves behind.
  writeFileSync(path, "");
  running = host.run();
  await vi.waitUntil(() => statSync(path, { throwIfNoEntry: false })?.isSocket(), WAIT);
});
afterEach(async () => {
  host.stop();
  await running;
  for (const socket of sockets.splice(0)) socket.destroy();
  rmSync(directory, { recursive: true });
});

async function control(): Promise<Control> {
  const socket = connect(path).on("error", () => undefined);
  sockets.push(socket);
  const heard: DataMessage[] = [];
  const lines = new JsonLines(socket, (value) => heard.push(dataMessage.parse(value)));
  await vi.waitFor(() => expect(heard[0]?.type).toBe("hello"), WAIT);
  return { lines, heard, socket };
}

/** A control that has given orders: the process goes on without it. */
async function ordering(): Promise<Control> {
  const one = await control();
  one.lines.send({ type: "configure", orders: ordersWith(1) });
  await vi.waitFor(() => expect(one.heard.at(-1)?.type).toBe("configured"), WAIT);
  one.heard.splice(1);
  return one;
}

const answered = (one: Control, type: DataMessage["type"], times = 1): Promise<void> =>
  vi.waitFor(() => expect(one.heard.filter((message) => message.type === type)).toHaveLength(times), WAIT);

describe("a data process", () => {
  test("says who it is, reports when asked, carries out orders", async () => {
    const one = await control();
    expect(one.heard).toEqual([
      {
        type: "hello",
        version: VERSION,
        role: "router",
        pid: process.pid,
        phase: "new",
        ageMs: 0,
        drainLeftMs: null,
      },
    ]);
    for (const carriers of [1, 2, 3]) one.lines.send({ type: "configure", orders: ordersWith(carriers) });
    await answered(one, "configured", 3);
    expect(plane.orders.map((orders) => orders.role === "router" && orders.carriers)).toEqual([1, 2, 3]);
    one.lines.send({ type: "report?" });
    await answered(one, "report");
    expect(one.heard.at(-1)).toMatchObject({ report: { counts: { opened: 3 } } });
  });

  test("answers what is asked while a report is made by one more report", async () => {
    const one = await ordering();
    const gate = Promise.withResolvers<void>();
    const report = plane.report.bind(plane);
    let asked = 0;
    Object.assign(plane, {
      report: async () => {
        asked++;
        await gate.promise;
        return report();
      },
    });
    for (let count = 0; count < 100; count++) one.lines.send({ type: "report?" });
    await vi.waitFor(() => expect(asked).toBe(1), WAIT);
    // What was said before is heard before.
    one.lines.send({ type: "configure", orders: ordersWith(2) });
    await answered(one, "configured");
    gate.resolve();
    await answered(one, "report", 2);
    one.lines.send({ type: "report?" });
    await answered(one, "report", 3);
    expect(asked).toBe(3);
  });

  test("is nobody's but its owner's", async () => {
    await control();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("says why it did not carry out orders, and goes on", async () => {
    const one = await control();
    plane.failure = new Error("port taken");
    one.lines.send({ type: "configure", orders: ordersWith(1) });
    await answered(one, "configured");
    expect(one.heard.at(-1)).toEqual({ type: "configured", error: "port taken" });
    plane.failure = undefined;
    one.lines.send({ type: "configure", orders: ordersWith(1) });
    await answered(one, "configured", 2);
    expect(one.heard.at(-1)).toEqual({ type: "configured", error: null });
  });

  test("tells events to the control there is, and to nobody while there is none", async () => {
    plane.tell({ type: "changed" });
    const one = await ordering();
    plane.tell({ type: "changed" });
    await answered(one, "changed");
    one.socket.destroy();
    plane.tell({ type: "changed" });
    const two = await control();
    expect(two.heard).toHaveLength(1);
  });

  test("serves the newest control alone", async () => {
    const one = await control();
    const two = await control();
    await vi.waitFor(() => expect(one.socket.destroyed).toBe(true), WAIT);
    plane.tell({ type: "changed" });
    await answered(two, "changed");
    expect(one.heard).toHaveLength(1);
    expect(plane.stopped).toBe(false);
  });

  test("hangs up on what is no JSON and goes on", async () => {
    const one = await ordering();
    one.socket.write("no JSON\n");
    await vi.waitFor(() => expect(one.socket.destroyed).toBe(true), WAIT);
    const two = await control();
    two.lines.send({ type: "report?" });
    await answered(two, "report");
    expect(plane.orders).toHaveLength(1);
  });

  test.each([
    ['{"type":"dance"}', /^not understood: type: /],
    [
      JSON.stringify({ type: "configure", orders: { ...ordersWith(1), pin: "zz" } }),
      /^not understood: orders\.pin: /,
    ],
  ])("says that it does not understand %j, and goes on", async (text, why) => {
    const one = await control();
    one.socket.write(`${text}\n`);
    await answered(one, "configured");
    expect(one.heard.at(-1)).toEqual({ type: "configured", error: expect.stringMatching(why) });
    expect(log.lines.at(-1)).toMatchObject({ level: "error", fields: { why: expect.stringMatching(why) } });
    one.lines.send({ type: "configure", orders: ordersWith(1) });
    await answered(one, "configured", 2);
    expect(plane.orders).toHaveLength(1);
  });

  test("ends when control is lost before its orders were carried out", async () => {
    const one = await control();
    plane.failure = new Error("port taken");
    one.lines.send({ type: "configure", orders: ordersWith(1) });
    await answered(one, "configured");
    one.socket.destroy();
    await running;
    expect(plane.stopped).toBe(true);
  });

  test("stops when told to, and leaves nothing behind", async () => {
    const one = await control();
    one.lines.send({ type: "stop" });
    await running;
    expect(plane.stopped).toBe(true);
    await vi.waitFor(() => expect(one.socket.destroyed).toBe(true), WAIT);
    expect(existsSync(path)).toBe(false);
  });

  test("tells the next control what it was told", async () => {
    const phaseNow = async () => {
      const { heard } = await control();
      return heard[0];
    };
    const one = await ordering();
    expect(await phaseNow()).toMatchObject({ phase: "serving" });
    const two = await ordering();
    two.lines.send({ type: "retire" });
    two.lines.send({ type: "report?" });
    await answered(two, "report");
    expect(await phaseNow()).toMatchObject({ phase: "retired", drainLeftMs: null });
    plane.flows = 1;
    const three = await control();
    three.lines.send({ type: "drain", limitMs: 5000 });
    await answered(three, "closed");
    clock.advance(2000);
    expect(await phaseNow()).toMatchObject({ phase: "draining", ageMs: 2000, drainLeftMs: 3000 });
    expect(one.socket.destroyed).toBe(true);
  });

  test("drains without control: ends with its last flow", async () => {
    const one = await ordering();
    plane.flows = 1;
    one.lines.send({ type: "drain", limitMs: 5000 });
    await answered(one, "closed");
    expect(plane.draining).toBe(true);
    one.socket.destroy();
    clock.advance(4000);
    await settle();
    expect(plane.stopped).toBe(false);
    plane.flows = 0;
    clock.advance(500);
    await running;
    expect(plane.stopped).toBe(true);
  });

  test("drains no longer than it may", async () => {
    const one = await ordering();
    plane.flows = 1;
    one.lines.send({ type: "drain", limitMs: 5000 });
    await answered(one, "closed");
    clock.advance(4999);
    await settle();
    expect(plane.stopped).toBe(false);
    clock.advance(1);
    await running;
    expect(plane.stopped).toBe(true);
  });

  test("of a server stays a while for routers without flows that have nowhere to go yet", async () => {
    host.stop();
    await running;
    plane = new FakePlane();
    host = new DataHost({ role: "server", socket: path, clock, log, createPlane: () => plane });
    running = host.run();
    await vi.waitUntil(() => statSync(path, { throwIfNoEntry: false })?.isSocket(), WAIT);
    plane.attached = 1;
    const one = await ordering();
    one.lines.send({ type: "drain", limitMs: 600_000 });
    await answered(one, "closed");
    clock.advance(29_000);
    await settle();
    expect(plane.stopped).toBe(false);
    clock.advance(1000);
    await running;
    expect(plane.stopped).toBe(true);
  });
});
