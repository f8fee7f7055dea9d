import { afterAll, beforeAll, expect, it } from "vitest";
import { Closer } from "../../src/base/closer.ts";
import { expectedSha256 } from "../../src/lab/services/bytes.ts";
import { createIpRoute } from "../../src/linux/iproutetool.ts";
import { isOurMetric, PROTOCOL, RT_TABLE_DIRECT, RT_TABLE_MAIN } from "../../src/netplan/own.ts";
import { download } from "./http.ts";
import { openSite, WEB, type Site } from "./site.ts";
import { until } from "./until.ts";

/*
 *   user --- router ===wan1=== nat1 (DHCP) --- internet --- server, web
 *                   ===wan2=== nat2 (DHCP) ---
 */
const closer = new Closer();
let site: Site;

beforeAll(async () => {
  site = await openSite(closer, {
    topology: "dhcp",
    wans: {
      wan1: { interface: "wan1", addressing: "dhcp", check: { targets: [WEB.v4] } },
      wan2: { interface: "wan2", addressing: "dhcp", check: { kind: "tcp", targets: [`${WEB.v4}:80`] } },
    },
  });
  await site.pair.up();
});
afterAll(() => closer.close());

const BYTES = 20_000_000;
/** Beyond the modem nothing is reached any more, though the modem itself answers. */
const NOWHERE = `add table inet nowhere
add chain inet nowhere forward { type filter hook forward priority 0; }
add rule inet nowhere forward drop
`;
const router = () => createIpRoute(site.lab.exec("router"));

/** Addresses of ours, by device. */
async function addresses(): Promise<Record<string, string[]>> {
  const links = await router().links();
  const own = links.map(({ name, addresses: all }): [string, string[]] => [
    name,
    all.filter(({ metric }) => isOurMetric(metric)).map(({ address }) => address),
  ]);
  return Object.fromEntries(own.filter(([, all]) => all.length > 0));
}

/** The gateways of our default routes in main, by device. */
async function gateways(): Promise<Record<string, string | undefined>> {
  const routes = await router().routes();
  const own = routes.filter(
    ({ protocol, table, destination }) =>
      protocol === PROTOCOL && table === RT_TABLE_MAIN && destination === "default",
  );
  return Object.fromEntries(own.map(({ device, gateway }) => [device, gateway]));
}

it("WANs with addresses by DHCP carry one download together", async () => {
  expect(await addresses()).toEqual({
    wan1: [expect.stringMatching(/^192\.168\.1\./)],
    wan2: [expect.stringMatching(/^192\.168\.2\./)],
  });
  expect(await gateways()).toEqual({ wan1: "192.168.1.1", wan2: "192.168.2.1" });
  const moved = async (wan: string) => (await site.lab.link(wan).counters()).down.bytes;
  const before = [await moved("wan1"), await moved("wan2")];
  const user = { from: site.sockets("user"), to: WEB.v4 };
  expect(await download(user, BYTES, "both")).toEqual({
    bytes: BYTES,
    sha256: expectedSha256(BYTES, "both"),
  });
  for (const [index, wan] of ["wan1", "wan2"].entries())
    expect((await moved(wan)) - (before[index] ?? 0)).toBeGreaterThan(0.1 * BYTES);
});

it("a WAN that is renumbered gets its new address, and flows go on", async () => {
  const user = { from: site.sockets("user"), to: WEB.v4 };
  const flow = download(user, 2 * BYTES, "renumbered");
  await site.lab.fault("renumber", "nat1:lan", "10.77.0.1/24");
  await until(gateways, ({ wan1 }) => wan1 === "10.77.0.1");
  expect(await addresses()).toMatchObject({ wan1: [expect.stringMatching(/^10\.77\.0\./)] });
  expect(await flow).toEqual({ bytes: 2 * BYTES, sha256: expectedSha256(2 * BYTES, "renumbered") });
  await site.pair.until("router", ({ wans }) => wans.every(({ state }) => state.name === "up"));
  await site.lab.heal();
  await until(gateways, ({ wan1 }) => wan1 === "192.168.1.1");
});

it("without the server, a WAN that leads nowhere is told from one that does, by its check", async () => {
  const wans = async (): Promise<Record<string, { name: string; reason: string }>> =>
    Object.fromEntries(
      (await site.pair.status("router")).wans.map(({ name, state, reason }) => [
        name,
        { name: state.name, reason },
      ]),
    );
  /** The WANs by which new connections go out directly. */
  const direct = async (): Promise<readonly (string | undefined)[]> =>
    (await router().routes())
      .filter(({ table }) => table === RT_TABLE_DIRECT)
      .flatMap(({ device, nextHops }) => nextHops?.map((hop) => hop.device) ?? [device]);
  const preferred = async (): Promise<readonly (string | undefined)[]> =>
    (await router().routes())
      .filter(({ protocol, table, gateway }) => protocol === PROTOCOL && table === RT_TABLE_MAIN && gateway)
      .toSorted((a, b) => (a.metric ?? 0) - (b.metric ?? 0))
      .map(({ device }) => device);
  await site.lab.exec("nat1")(["nft", "-f", "-"], { input: NOWHERE });
  await site.pair.stop("server");
  const found = await until(wans, ({ wan1, wan2 }) => wan1?.name === "down" && wan2?.name === "up", 20_000);
  expect(found["wan1"]?.reason).toContain(`icmp ${WEB.v4} does not answer`);
  expect(found["wan2"]?.reason).toContain(`tcp ${WEB.v4}:80 answers`);
  expect(await until(preferred, ([first]) => first === "wan2")).toEqual(["wan2", "wan1"]);
  expect(await direct()).toEqual(["wan2"]);
  await site.lab.exec("nat1")(["nft", "delete", "table", "inet", "nowhere"]);
  await site.pair.start("server");
  await site.pair.until("router", (status) => status.wans.every(({ state }) => state.name === "up"));
  expect(await until(preferred, ([first]) => first === "wan1")).toEqual(["wan1", "wan2"]);
  expect(await direct()).toEqual(["wan1", "wan2"]);
});

it("the leases outlive control: nothing changes when it is killed and started again", async () => {
  const before = [await addresses(), await gateways()];
  const seen: string[] = [];
  const watch = await site.lab.start("router", ["ip", "monitor", "address", "route"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  watch.stdout?.on("data", (chunk: Buffer) => seen.push(String(chunk)));
  await site.pair.kill("router");
  await site.pair.start("router");
  await site.pair.until("router", ({ state }) => state.name === "up");
  expect([await addresses(), await gateways()]).toEqual(before);
  watch.kill("SIGKILL");
  expect(
    seen
      .join("")
      .split("\n")
      .filter((line) => line.startsWith("Deleted") && /wan\d/.test(line)),
  ).toEqual([]);
});

it("clean takes addresses and routes away", async () => {
  await site.pair.stop("router");
  expect([await addresses(), await gateways()]).toEqual([{}, {}]);
});
