import { beforeEach, describe, expect, test } from "vitest";
import { ManualClock } from "../base/clock.ts";
import { SennitError } from "../base/errors.ts";
import type { DatagramSocket } from "../linux/datagrams.ts";
import { FakeDatagrams } from "../linux/fake/datagrams.ts";
import { FakeNetwork } from "../linux/fake/network.ts";
import { type AskTarget, externalCheck, type Question } from "./externalcheck.ts";

const [OURS, TARGET] = ["10.1.0.2", "192.0.2.1"];

let clock: ManualClock;
let network: FakeNetwork;
let datagrams: FakeDatagrams;
let echo: () => Promise<boolean>;
let ask: AskTarget;

beforeEach(() => {
  clock = new ManualClock();
  network = new FakeNetwork();
  datagrams = new FakeDatagrams(clock, 8);
  echo = () => Promise.resolve(true);
  ask = externalCheck({
    echo: () => echo(),
    sockets: network.host("router", { addresses: [OURS], devices: { wan0: [OURS] } }),
    datagrams: datagrams.host([OURS], ["wan0"]),
    clock,
  });
});

const question = (changes: Partial<Question>): Question => ({
  kind: "icmp",
  target: TARGET,
  localAddress: OURS,
  device: "wan0",
  timeoutMs: 100,
  ...changes,
});

describe("an echo", () => {
  test("is an answer, or none", async () => {
    expect(await ask(question({}))).toBe(true);
    echo = () => Promise.resolve(false);
    expect(await ask(question({}))).toBe(false);
  });

  test("that may not be asked for tells nothing", async () => {
    echo = () => Promise.reject(new SennitError("kernel", "EPERM", "socket"));
    expect(await ask(question({}))).toBeUndefined();
  });
});

describe("a connection", () => {
  const tcp = question({ kind: "tcp", target: `${TARGET}:443` });

  test("that is taken is an answer", async () => {
    const web = network.host("web", { addresses: [TARGET] });
    await web.listen({ transport: "tcp", local: { address: TARGET, port: 443 } }, ({ stream }) =>
      stream.on("error", () => undefined),
    );
    expect(await ask(tcp)).toBe(true);
  });

  test("that is refused is none: any box on the way can refuse", async () => {
    network.host("web", { addresses: [TARGET] });
    expect(await ask(tcp)).toBe(false);
  });

  test("from a device that is gone tells nothing", async () => {
    expect(await ask({ ...tcp, device: "wan9" })).toBeUndefined();
  });
});

describe("a question for names", () => {
  /** A resolver that says so to whatever it is asked. */
  const resolver = (answer: (query: Buffer) => Buffer): DatagramSocket => {
    const socket = datagrams.host([TARGET]).open({
      local: { address: TARGET, port: 53 },
      onDatagram: (query, from) => socket.send(answer(query), from),
    });
    return socket;
  };
  /** Time passes until there is an answer, or none. */
  const dns = async (): Promise<boolean | undefined> => {
    const answer = ask(question({ kind: "dns" }));
    clock.advance(200);
    return answer;
  };
  const refusal = (query: Buffer): Buffer => {
    const answer = Buffer.from(query);
    answer.writeUInt16BE(0x8185, 2);
    return answer;
  };

  test("is answered by a refusal, too", async () => {
    resolver(refusal);
    expect(await dns()).toBe(true);
  });

  test.each<[string, (query: Buffer) => Buffer]>([
    ["the question itself", (query) => query],
    [
      "another number",
      (query) => Buffer.concat([Buffer.of((query[0] ?? 0) ^ 1), refusal(query).subarray(1)]),
    ],
    ["a piece", (query) => refusal(query).subarray(0, 11)],
  ])("is not answered by %s", async (_, answer) => {
    resolver(answer);
    expect(await dns()).toBe(false);
  });

  test("is not answered by nobody, and not by somebody else", async () => {
    expect(await dns()).toBe(false);
    const other = datagrams
      .host(["192.0.2.9"])
      .open({ local: { address: "192.0.2.9", port: 53 }, onDatagram: () => undefined });
    resolver((query) => query).close();
    datagrams.host([TARGET]).open({
      local: { address: TARGET, port: 53 },
      onDatagram: (query, from) => other.send(refusal(query), from),
    });
    expect(await dns()).toBe(false);
  });
});
