import { afterAll, beforeAll, expect, it } from "vitest";
import type { StatusReport } from "../../src/api/status.ts";
import { Closer } from "../../src/base/closer.ts";
import { loadRouterConfig } from "../../src/config/router.ts";
import { observe } from "../../src/control/observer.ts";
import { bonded } from "../../src/lab/pair.ts";
import { expectedSha256 } from "../../src/lab/services/bytes.ts";
import { createIpRoute } from "../../src/linux/iproutetool.ts";
import { diff } from "../../src/netplan/diff.ts";
import { planRouter } from "../../src/netplan/plan.ts";
import { showStep } from "../../src/netplan/show.ts";
import { routerIntent } from "../../src/router/intent.ts";
import { download } from "./http.ts";
import { openSite, SERVER, WEB, type Site } from "./site.ts";
import { until } from "./until.ts";

/*
 * What others do to a WAN while it carries: its address, its gateway, its device.
 *
 *   users --- mikrotik --- router ==fibre== cpe-fibre ------- core --- server
 *                                 ===lte=== cpe-lte - cgnat ----+===== web
 */
const closer = new Closer();
let site: Site;

beforeAll(async () => {
  site = await openSite(closer);
  await site.pair.up();
});
afterAll(() => closer.close());

const SIZE = 30_000_000;
const DEVICE = "fibre";
const [ADDRESS, OTHER_ADDRESS] = ["192.168.1.2", "192.168.1.77"];
const [GATEWAY, OTHER_GATEWAY] = ["192.168.1.1", "192.168.1.254"];

const ip = async (host: string, command: string): Promise<unknown> =>
  site.lab.exec(host)(["ip", ...command.split(" ")]);

/** What of rules and routes is not as it should be for what the kernel has now, as commands. */
async function wrong(): Promise<readonly string[]> {
  const tool = createIpRoute(site.lab.exec("router"));
  const config = await loadRouterConfig(site.pair.configFile("router"));
  // Which ports they are is all the same to rules and routes.
  const intent = routerIntent(config, {
    ports: { v4: 1, v6: 1 },
    serverAddresses: [SERVER.v4],
    devices: new Map(["fibre", "lte"].map((device) => [device, device])),
    leases: new Map(),
  });
  const [observed, rules, routes] = await Promise.all([observe(tool), tool.rules(), tool.routes()]);
  const actual = {
    nft: undefined,
    links: undefined,
    rules,
    routes,
    mptcpLimits: undefined,
    sysctls: new Map(),
  };
  const steps = diff(planRouter(intent, observed), actual);
  return steps.filter((step) => step.do === "ip" && step.change.object !== "limits").map(showStep);
}

const ourTable = async (): Promise<string> =>
  (await site.lab.exec("router")(["ip", "-4", "route", "show", "table", "8301"], { allow: [2] })).stdout;

/** Does that in the midst of a download, which is to come whole, and waits until the kernel holds what it should. */
async function during(
  seed: string,
  what: () => Promise<void>,
  holds: (table: string) => boolean,
): Promise<void> {
  const { reset } = (await site.pair.status("router")).flows;
  const progress = { bytes: 0 };
  const received = download({ from: site.sockets("users"), to: WEB.v4 }, SIZE, seed, progress);
  // Told below, together with what may fail before.
  received.catch(() => undefined);
  await until(
    () => progress.bytes,
    (bytes) => bytes > SIZE / 4,
    20_000,
  );
  await what();
  await until(ourTable, holds, 10_000);
  expect(await until(wrong, (steps) => steps.length === 0, 10_000)).toEqual([]);
  expect(await received).toEqual({ bytes: SIZE, sha256: expectedSha256(SIZE, seed) });
  expect((await site.pair.status("router")).flows.reset).toBe(reset);
}

/** In which state the WAN is when all is as it was before. */
async function settled(): Promise<string | undefined> {
  const isUp = (status: StatusReport): boolean => status.wans[0]?.state.name === "up" && bonded(status);
  return (await site.pair.until("router", isUp)).wans[0]?.state.name;
}

it("the address changes under a download", async () => {
  await during(
    "address",
    () => site.lab.fault("wan-address", `router:${DEVICE}`, OTHER_ADDRESS),
    (table) => table.includes(`src ${OTHER_ADDRESS}`),
  );
  expect(await settled()).toBe("up");
});

it("the gateway changes under a download", async () => {
  await ip("cpe-fibre", `addr add ${OTHER_GATEWAY}/24 dev lan`);
  await during(
    "gateway",
    async () => {
      await ip("router", `route replace default via ${OTHER_GATEWAY} dev ${DEVICE} metric 100`);
    },
    (table) => table.includes(`via ${OTHER_GATEWAY}`),
  );
  expect(await settled()).toBe("up");
});

it("the device goes and comes back under a download", async () => {
  await during(
    "device",
    async () => {
      await ip("router", `link set ${DEVICE} down`);
      await ip("router", `link set ${DEVICE} name gone0`);
      await site.pair.until("router", ({ wans }) => wans[0]?.state.name === "absent");
      await ip("router", `link set gone0 name ${DEVICE}`);
      await ip("router", `link set ${DEVICE} up`);
      await ip("router", `addr replace ${ADDRESS}/24 dev ${DEVICE}`);
      await ip("router", `route replace default via ${GATEWAY} dev ${DEVICE} metric 100`);
    },
    (table) => table.includes(`via ${GATEWAY}`),
  );
  expect(await settled()).toBe("up");
});
