import ipaddr from "ipaddr.js";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Closer } from "../../src/base/closer.ts";
import { HEADER_BYTES, INITIAL_WINDOW, Refusal, TrafficClass } from "../../src/wire/constants.ts";
import { encodeFrame } from "../../src/wire/frames.ts";
import { openSite, SERVER, WEB, type Site } from "./site.ts";
import { invitation, Stranger } from "./stranger.ts";

/*
 * A router that asks for what its nft rules would never send: what the server lets out.
 *
 *   stranger on core --- server --- web, also 172.31.0.80, fd00:31::80
 */
const closer = new Closer();
let site: Site;
let stranger: Stranger;

beforeAll(async () => {
  site = await openSite(closer, { server: { egress: { allowPrivate: ["172.31.0.0/24", "fd00:31::/64"] } } });
  await site.lab.exec("web")(["ip", "addr", "add", "172.31.0.80/32", "dev", "wan"]);
  await site.lab.exec("web")(["ip", "addr", "add", "fd00:31::80/128", "dev", "wan", "nodad"]);
  await site.lab.exec("core")(["ip", "route", "add", "172.31.0.0/16", "via", WEB.v4]);
  await site.lab.exec("core")(["ip", "route", "add", "fd00::/16", "via", WEB.v6]);
  await site.pair.start("server");
  await site.pair.until("server", ({ state }) => state.name === "up");
  const token = await invitation(site.pair, "stranger");
  stranger = await Stranger.dial(site.sockets("core"));
  closer.add("stranger", () => void stranger.stream.destroy());
  await stranger.enter(token);
});
afterAll(() => closer.close());

let flows = 1;

/** Asks for a flow in these very bytes: a v4-mapped address stays one. The flow's number. */
function open(address: string, port = 80): number {
  flows += 2;
  const placeholder = { address: address.includes(":") ? "2001:db8::" : "192.0.2.0", port };
  const frame = { kind: "open", flow: flows, window: INITIAL_WINDOW, cls: TrafficClass.DEFAULT } as const;
  const bytes = encodeFrame({ ...frame, target: placeholder });
  // Behind window (4), class (1) and family (1).
  bytes.set(ipaddr.parse(address).toByteArray(), HEADER_BYTES + 6);
  stranger.stream.write(bytes);
  return flows;
}

it.each([
  ["127.0.0.1", /own address/],
  ["::1", /own address/],
  ["::ffff:127.0.0.1", /own address/],
  ["64:ff9b::7f00:1", /own address/],
  ["127.0.0.53", /loopback/],
  ["0.0.0.0", /not an address/],
  [SERVER.v4, /own address/],
  [SERVER.v6, /own address/],
  [`::ffff:${SERVER.v4}`, /own address/],
  ["169.254.169.254", /link-local/],
  ["::ffff:169.254.169.254", /link-local/],
  ["fe80::1", /link-local/],
  ["10.0.0.1", /private/],
  ["192.168.1.1", /private/],
  ["172.31.1.80", /private/],
  ["::ffff:172.31.1.80", /private/],
  ["fd00:10::1", /private/],
  ["100.64.0.1", /carrier's NAT/],
  ["255.255.255.255", /broadcast/],
  ["ff02::1", /multicast/],
])("refuses %s by policy, and says so", async (address, why) => {
  const lines = site.log.lines.length;
  const { reason } = await stranger.hear("refused", open(address, 22));
  expect(reason).toBe(Refusal.POLICY);
  const line = await site.log.until(({ msg }) => msg === "target refused by policy", lines);
  const target = { address: ipaddr.process(address).toString(), port: 22 };
  expect(line).toMatchObject({ level: "warn", router: "stranger", target, why: expect.stringMatching(why) });
});

it.each([WEB.v4, WEB.v6, "172.31.0.80", "::ffff:172.31.0.80", "fd00:31::80"])(
  "lets %s through",
  async (address) => {
    expect((await stranger.hear("opened", open(address))).window).toBeGreaterThan(0);
  },
);
