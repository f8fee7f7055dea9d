import { describe, expect, test } from "vitest";
import { Joined, type Peer } from "../../test/relay/joined.ts";
import { settle, until } from "../../test/relay/until.ts";
import { MemoryLog } from "../base/log.ts";
import type { Sockets } from "../linux/sockets.ts";
import { Refusal, ResetReason, TrafficClass } from "../wire/constants.ts";
import { EgressPolicy } from "./egress.ts";
import { Outbound } from "./outbound.ts";

/**
 *   peer ==== session, outbound 203.0.113.1 ---- web 203.0.113.2
 */
const WEB = "203.0.113.2";

async function world(): Promise<{
  readonly joined: Joined;
  readonly peer: Peer;
  readonly web: Sockets;
  readonly log: MemoryLog;
  readonly open: (flow: number, address: string, port: number) => void;
}> {
  const log = new MemoryLog();
  const joined: Joined = new Joined({ onOpen: (flow) => void outbound.connect(flow, "home") });
  const web = joined.network.host("web", { addresses: [WEB] });
  const host = joined.network.host("outbound", { addresses: ["203.0.113.1"] });
  const outbound = new Outbound(host, new EgressPolicy([], () => new Set(["203.0.113.1"])), log);
  const peer = await joined.peer();
  const open = (flow: number, address: string, port: number): void => {
    const target = { address, port };
    peer.carrier.send({ kind: "open", flow, window: 100_000, cls: TrafficClass.DEFAULT, target });
  };
  return { joined, peer, web, log, open };
}

describe("the way out", () => {
  test("connects a flow to its target", async () => {
    const { peer, web, open } = await world();
    await web.listen({ transport: "tcp", local: { address: WEB, port: 80 } }, ({ stream }) =>
      stream.end("hello"),
    );
    open(1, WEB, 80);
    await until("the target has spoken", () => peer.heard("fin").length === 1);
    expect(Buffer.concat(peer.pieces.map(({ bytes }) => bytes)).toString()).toBe("hello");
    expect(peer.heard("opened")).toHaveLength(1);
  });

  test.each([
    ["a closed port", WEB, 81, Refusal.CONNECTION_REFUSED],
    ["an address that nobody has", "203.0.113.99", 80, Refusal.HOST_UNREACHABLE],
    ["a family that leads nowhere", "2001:db8::1", 80, Refusal.NETWORK_UNREACHABLE],
    ["the server itself", "203.0.113.1", 22, Refusal.POLICY],
    ["loopback", "127.0.0.1", 80, Refusal.POLICY],
    ["port 0", WEB, 0, Refusal.POLICY],
  ])("refuses %s with the reason", async (_, address, port, reason) => {
    const { joined, peer, open, log } = await world();
    open(1, address, port);
    await until("it is refused", () => peer.heard("refused").length === 1);
    expect(peer.heard("refused")[0]?.reason).toBe(reason);
    expect(joined.leftovers).toEqual([]);
    const [line] = log.lines;
    expect(line?.fields).toMatchObject({ router: "home", target: { address, port } });
    expect(line?.level).toBe(reason === Refusal.POLICY ? "warn" : "debug");
  });

  test("gives up a target that does not answer after 10 s", async () => {
    const { joined, peer, open } = await world();
    joined.network.setReachability(WEB, "silent");
    open(1, WEB, 80);
    await until("it is there", () => joined.far.flows.size === 1);
    joined.clock.advance(9_999);
    await settle();
    expect(peer.heard("refused")).toEqual([]);
    joined.clock.advance(1);
    await until("it is refused", () => peer.heard("refused").length === 1);
    expect(peer.heard("refused")[0]?.reason).toBe(Refusal.TIMED_OUT);
  });

  test("stops dialling when the client has left", async () => {
    const { joined, peer, open, log } = await world();
    joined.network.setReachability(WEB, "silent");
    open(1, WEB, 80);
    await until("it is there", () => joined.far.flows.size === 1);
    peer.carrier.send({ kind: "reset", flow: 1, reason: ResetReason.APPLICATION });
    await until("the dial is over", () => log.lines.length === 1);
    expect(log.lines[0]?.fields).toMatchObject({ code: "aborted" });
    await settle();
    expect(peer.heard("refused")).toEqual([]);
    expect(joined.leftovers).toEqual([]);
  });
});
