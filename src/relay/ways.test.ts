import { beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "../base/clock.ts";
import { MemoryLog } from "../base/log.ts";
import { FakeDatagrams } from "../linux/fake/datagrams.ts";
import type { DatagramSocket } from "../linux/datagrams.ts";
import type { Endpoint } from "../linux/sockets.ts";
import { encodeProbe, probeKey, probeSecret, type Probe } from "../wire/probe.ts";
import { ProbeResponder } from "./proberesponder.ts";
import { Ways } from "./ways.ts";

/*
 *            fibre 192.0.2.1
 *   router                   === server 203.0.113.1:443
 *            lte   192.0.2.2
 */
const SERVER = { address: "203.0.113.1", port: 443 };
const FIBRE = { name: "fibre", localAddress: "192.0.2.1", backup: false };
const LTE = { name: "lte", localAddress: "192.0.2.2", backup: false };
const SESSION = Buffer.alloc(16, 5);
const SECRET = probeSecret("the server's key");
const KEY = probeKey(SECRET, SESSION);

let clock: ManualClock;
let network: FakeDatagrams;
let ways: Ways;
let responder: ProbeResponder;
let returned: string[];

beforeEach(() => {
  clock = new ManualClock();
  network = new FakeDatagrams(clock, 8);
  const log = new MemoryLog();
  ways = new Ways({
    session: SESSION,
    datagrams: network.host([FIBRE.localAddress, LTE.localAddress]),
    remoteFor: () => SERVER,
    clock,
    log,
  });
  responder = new ProbeResponder({ datagrams: network.host([SERVER.address]), secret: SECRET, clock, log });
  responder.listen([SERVER]);
  returned = [];
  ways.onReturn(({ name }) => returned.push(name));
  ways.update([FIBRE, LTE]);
  ways.start();
});

describe("a router's ways", () => {
  test("are not known before there is a key, and are up with the first answers", () => {
    clock.advance(5000);
    expect(ways.health("fibre")).toBe("unknown");
    ways.useKey(KEY);
    clock.advance(100);
    expect([ways.health("fibre"), ways.health("lte"), ways.health("dsl")]).toEqual(["up", "up", "unknown"]);
    expect(ways.of(FIBRE).probing.line.rttMs).toBe(16);
  });

  test("are dead when they answer no more, and who waits is told when they do", () => {
    ways.useKey(KEY);
    clock.advance(100);
    network.silence(FIBRE.localAddress, true);
    clock.advance(30_000);
    expect([ways.health("fibre"), ways.health("lte")]).toEqual(["dead", "up"]);
    expect(returned).toEqual([]);
    network.silence(FIBRE.localAddress, false);
    clock.advance(250);
    expect(returned).toEqual(["fibre"]);
    expect(ways.health("fibre")).toBe("up");
  });

  test("prove nothing with another key", () => {
    ways.useKey(Buffer.alloc(32));
    clock.advance(5000);
    expect(ways.health("fibre")).toBe("unknown");
  });

  test("that are gone are forgotten, and their sockets closed", () => {
    ways.useKey(KEY);
    clock.advance(100);
    ways.update([LTE]);
    expect(ways.health("fibre")).toBe("unknown");
    ways.update([FIBRE, LTE]);
    clock.advance(100);
    expect(ways.health("fibre")).toBe("up");
  });
});

describe("a server answers a probe", () => {
  const answers: Buffer[] = [];
  let stranger: DatagramSocket;

  beforeEach(() => {
    answers.length = 0;
    stranger = network.host(["198.51.100.7"]).open({
      local: { address: "198.51.100.7", port: 0 },
      onDatagram: (bytes) => answers.push(bytes),
    });
  });

  const ask = (probe: Partial<Probe> = {}, key = KEY, to: Endpoint = SERVER): void => {
    const asked: Probe = { kind: "ask", path: 1, session: SESSION, number: 1, ...probe };
    stranger.send(encodeProbe(asked, key), to);
    clock.advance(16);
  };

  test("with as many bytes, wherever it comes from", () => {
    ask();
    expect(answers).toEqual([encodeProbe({ kind: "answer", path: 1, session: SESSION, number: 1 }, KEY)]);
  });

  test.each<[string, () => void]>([
    ["is said again", () => (ask({ number: 3 }), answers.pop(), ask({ number: 3 }))],
    ["is old", () => (ask({ number: 40 }), answers.pop(), ask({ number: 8 }))],
    ["is not authentic", () => ask({}, Buffer.alloc(32, 1))],
    ["is of another session than its key", () => ask({ session: Buffer.alloc(16, 6) })],
    ["is an answer", () => ask({ kind: "answer" })],
    ["is something else", () => (stranger.send(Buffer.from("hello"), SERVER), clock.advance(16))],
  ])("not when it %s", (_, say) => {
    say();
    expect(answers).toEqual([]);
  });

  test("on each path for itself", () => {
    ask({ number: 40 });
    ask({ number: 8, path: 2 });
    expect(answers).toHaveLength(2);
  });
});
