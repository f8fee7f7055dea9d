import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { Client } from "../../src/api/client.ts";
import { socketPath } from "../../src/api/listen.ts";
import { Closer } from "../../src/base/closer.ts";
import { bonded } from "../../src/lab/pair.ts";
import { expectedSha256 } from "../../src/lab/services/bytes.ts";
import { createIpRoute } from "../../src/linux/iproutetool.ts";
import { RT_TABLE_DIRECT } from "../../src/netplan/own.ts";
import { download, hello, type Ask } from "./http.ts";
import { openSite, SERVER, WEB, type Site } from "./site.ts";
import { until } from "./until.ts";

/*
 * The config file edited while the router runs.
 *
 *   users --- mikrotik --- router ==fibre== server --- web
 *                                 ===lte===
 */
const closer = new Closer();
let site: Site;
let user: Ask;
let file: string;
let client: Client;

const ONE = { fibre: { interface: "fibre" } };
const TWO = { ...ONE, lte: { interface: "lte" } };

beforeAll(async () => {
  site = await openSite(closer, { wans: ONE });
  user = { from: site.sockets("users"), to: WEB.v4 };
  file = site.pair.configFile("router");
  client = new Client(socketPath(join(site.pair.directory, "router")));
  await site.pair.up();
});
afterAll(() => closer.close());

const LIMIT_MS = 20_000;
const SIZE = 20_000_000;

/** Writes other WANs into the config file. */
async function edit(wans: object): Promise<string> {
  const text = stringify({ ...(parse(await readFile(file, "utf8")) as object), wans });
  await writeFile(file, text);
  return text;
}

const sennit = (...args: readonly string[]): Promise<string> => site.pair.sennit("router", args);
/** What a command says that fails. */
const complaint = (...args: readonly string[]): Promise<string> =>
  sennit(...args).then(
    (out) => `it worked: ${out}`,
    (error: unknown) => String(error),
  );
const text = (): Promise<string> => readFile(file, "utf8");
const wans = async (): Promise<string> => {
  const status = await site.pair.status("router").catch(() => undefined);
  return (status?.wans ?? []).map(({ name }) => name).join();
};
const untilWans = (wanted: string) => until(wans, (seen) => seen === wanted, LIMIT_MS);

it("takes a WAN in under a flow that goes on: planned first, the same process afterwards", async () => {
  const before = await site.pair.status("router");
  const progress = { bytes: 0 };
  const received = download(user, SIZE, "apply", progress);
  await until(
    () => progress.bytes,
    (bytes) => bytes > SIZE / 20,
    LIMIT_MS,
  );
  await edit(TWO);
  const plan = await sennit("plan");
  expect(plan).toMatch(/^sysctl -w net\/ipv4\/conf\/lte\/rp_filter=2$/m);
  expect(plan).toMatch(/^ip route add default via \S+ dev lte table 8302 src \S+ initcwnd 30 proto 83$/m);
  expect(plan).toMatch(/^ip rule add priority 8300 oif lte lookup 8302 protocol 83$/m);
  expect(plan).toMatch(
    /^# \+.*lte.*\n(?:# .*\n)*nft -f - <<'EOF'\nadd table inet sennit\ndelete table inet sennit$/m,
  );
  expect(await wans()).toBe("fibre");

  expect(await sennit("apply")).toMatch(/^version 2 runs\n/);
  expect(await sennit("plan")).toMatch(/^# nothing would change\n/);
  await site.pair.until("router", (status) => status.wans.length === 2 && bonded(status));
  expect(await received).toEqual({ bytes: SIZE, sha256: expectedSha256(SIZE, "apply") });
  expect((await site.pair.status("router")).data).toMatchObject({ pid: before.data.pid, restarts: 0 });
});

it("tells all mistakes of a file at once, and does nothing", async () => {
  const good = await text();
  await edit({ fibre: { interface: "fibre", role: "spare" }, lte: {} });
  for (const command of ["plan", "apply"]) {
    const told = await complaint(command);
    expect(told).toContain("2 problems");
    expect(told).toContain("wans.fibre.role");
    expect(told).toContain("wans.lte.interface");
  }
  await writeFile(file, `${good}mptcp: { congestionControl: nosuch }\n`);
  expect(await complaint("apply")).toMatch(/this kernel has no "nosuch"\n {2}-> choose .*reno/);
  expect(await wans()).toBe("fibre,lte");
  await writeFile(file, `${good}mptcp: { staleLossCount: 5 }\n`);
  expect(await sennit("plan")).toMatch(/^sysctl -w net\/mptcp\/stale_loss_cnt=5$/m);
  await writeFile(file, good.replace(/run: .*/, "run: /run/elsewhere"));
  expect(await complaint("apply")).toContain("nothing is running on /run/elsewhere");
  await writeFile(file, good);
});

it("goes back by itself where nobody confirms, in the file as well, and keeps both versions", async () => {
  const before = await text();
  const edited = await edit(ONE);
  expect(await sennit("apply", "--confirm", "4 s")).toMatch(/version 3 runs\nversion 2 comes back in [34] s/);
  await expect(client.apply(null)).rejects.toMatchObject({ code: "confirm-pending" });
  expect(await wans()).toBe("fibre");
  await untilWans("fibre,lte");
  expect(await text()).toBe(before);
  expect(await complaint("confirm")).toContain("nothing waits to be confirmed");
  expect(await sennit("config", "show", "3")).toBe(edited);
  expect(await sennit("config", "history")).toMatch(
    /^version {2}kept at +why.*\n +4 .*version 2, as nobody confirmed +runs\n +3 .*applied\n +2 .*applied\n +1 .*start\n$/,
  );
});

it("goes back as well when control is killed meanwhile", async () => {
  const before = await text();
  await edit(ONE);
  await client.apply(4000);
  await site.pair.kill("router");
  expect(await text()).not.toBe(before);
  await site.pair.start("router");
  await untilWans("fibre,lte");
  expect(await text()).toBe(before);
});

it("keeps what was confirmed, and restores what was before", async () => {
  await edit(ONE);
  await sennit("apply", "--confirm");
  expect(await sennit("confirm")).toMatch(/^version \d+ stays\n$/);
  expect(await wans()).toBe("fibre");
  expect(await complaint("config", "restore", "999")).toContain("there is no version 999");
  expect(await sennit("config", "restore", "2")).toMatch(/^version \d+ runs\n/);
  expect(await wans()).toBe("fibre,lte");
  expect(parse(await text())).toMatchObject({ wans: TWO });
});

it("is killed at any moment of a change: the next start ends where the file says", async () => {
  for (const [round, afterMs] of [0, 80, 160, 260].entries()) {
    const wanted = round % 2 === 0 ? ONE : TWO;
    await edit(wanted);
    const applying = sennit("apply").catch(() => undefined);
    // The command needs some 400 ms to start, the change some 200: these moments are spread over both.
    await new Promise((resolve) => setTimeout(resolve, 400 + afterMs));
    await site.pair.kill("router");
    await applying;
    await site.pair.start("router");
    await untilWans(Object.keys(wanted).join());
    await until(
      () => sennit("plan"),
      (plan) => plan.startsWith("# nothing would change"),
      LIMIT_MS,
    );
  }
  await site.pair.until("router", bonded);
  expect(await hello(user)).toBe(SERVER.v4);
});

it("uses a dearer WAN while no cheaper one is alive, and none when its hour has come", async () => {
  const lteIs = (role: string, reason: RegExp) =>
    site.pair.until("router", (status) => {
      const lte = status.wans.find(({ name }) => name === "lte");
      return lte?.role === role && reason.test(lte.reason);
    });
  const directly = async (): Promise<readonly (string | undefined)[]> => {
    const routes = await createIpRoute(site.lab.exec("router")).routes();
    const direct = routes.filter(({ table, family }) => table === RT_TABLE_DIRECT && family === "inet");
    return direct
      .flatMap(({ device, nextHops = [] }) => [device, ...nextHops.map((hop) => hop.device)])
      .filter(Boolean);
  };
  const untilDirectly = (...devices: readonly string[]) =>
    until(directly, (seen) => seen.join() === devices.join(), LIMIT_MS);
  await edit({ ...ONE, lte: { interface: "lte", cost: 5 } });
  await sennit("apply");
  await lteIs("backup", /; a backup, as there are WANs of cost 0$/);
  await untilDirectly("fibre");
  await site.lab.fault("blackhole", "fibre");
  await lteIs("active", /^(?!.*a backup)/);
  await untilDirectly("lte");
  expect(await hello(user)).toBe(SERVER.v4);
  await site.lab.heal();
  await lteIs("backup", /cost 0$/);
  await untilDirectly("fibre");

  await edit({ ...ONE, lte: { interface: "lte", schedule: [{ from: "00:00", to: "24:00", role: "off" }] } });
  await sennit("apply");
  await lteIs("off", /^off by its schedule$/);
  await site.pair.until("router", ({ subflows }) => subflows.every(({ wan }) => wan === "fibre"));
  expect(await hello(user)).toBe(SERVER.v4);
});
