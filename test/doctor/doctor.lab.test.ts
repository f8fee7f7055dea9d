import { rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Closer } from "../../src/base/closer.ts";
import type { Diagnosis } from "../../src/doctor/examine.ts";
import { bonded } from "../../src/lab/pair.ts";
import { sennitArgv } from "../e2e/program.ts";
import { download } from "../e2e/http.ts";
import { openSite, WEB, type Site } from "../e2e/site.ts";
import { until } from "../e2e/until.ts";

/*
 * What the doctor finds in a real kernel, and no longer when it is mended.
 *
 *   users --- mikrotik --- router ==fibre== server --- web
 *                                 ===lte===
 */
const closer = new Closer();
let site: Site;

beforeAll(async () => {
  site = await openSite(closer, {
    wans: { fibre: { interface: "fibre" }, lte: { interface: "lte", quota: { total: "1 MB" } } },
  });
});
afterAll(() => closer.close());

type Words = readonly [string, ...string[]];

async function run(...commands: readonly string[]): Promise<void> {
  for (const words of commands) await site.lab.exec("router")(words.split(" ") as unknown as Words);
}

async function examine(role: "router" | "server" = "router"): Promise<Diagnosis> {
  const argv = sennitArgv("doctor", "--json", "--config", site.pair.configFile(role));
  // Where something was found it ends with 1.
  const { stdout } = await site.lab.exec(role)(argv, { allow: [0, 1] });
  return JSON.parse(stdout) as Diagnosis;
}

const codesOf = ({ findings }: Diagnosis): readonly string[] =>
  findings.filter(({ hiddenBy }) => hiddenBy === undefined).map(({ code, wan }) => `${code} ${wan ?? "-"}`);

const GATEWAY = "ip route replace default via 192.168.8.1 dev lte metric 200";

/** What the router has, what makes it so, and what mends it. */
const FAULTS: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["wan-no-carrier lte", ["ip link set lte down"], ["ip link set lte up", GATEWAY]],
  [
    "wan-absent lte",
    ["ip link set lte down", "ip link set lte name gone"],
    ["ip link set gone name lte", "ip link set lte up", GATEWAY],
  ],
  [
    "no-address lte",
    ["ip address del 192.168.8.2/24 dev lte"],
    ["ip address add 192.168.8.2/24 dev lte", GATEWAY],
  ],
  ["no-gateway lte", ["ip route del default dev lte"], [GATEWAY]],
  [
    "duplicate-subnet lte",
    ["ip address add 192.168.1.77/24 dev lte"],
    ["ip address del 192.168.1.77/24 dev lte"],
  ],
  [
    "wan-same-address lte",
    ["ip address add 192.168.1.2/24 dev lte"],
    ["ip address del 192.168.1.2/24 dev lte"],
  ],
  ["wan-is-lan lte", ["ip address add 10.0.0.99/24 dev lte"], ["ip address del 10.0.0.99/24 dev lte"]],
  ["mptcp-off -", ["sysctl -q -w net.mptcp.enabled=0"], ["sysctl -q -w net.mptcp.enabled=1"]],
  ["foreign-endpoints -", ["ip mptcp endpoint add 192.168.1.2 dev fibre"], ["ip mptcp endpoint flush"]],
  ["foreign-rules -", ["ip rule add priority 100 from 10.9.9.9 lookup 77"], ["ip rule del priority 100"]],
  [
    "kernel-rule-missing -",
    ["ip rule del priority 32767"],
    ["ip rule add priority 32767 lookup default protocol kernel"],
  ],
];

test("without a running router it looks at the kernel, and says what it can't know", async () => {
  const before = await examine();
  expect(codesOf(before)).toEqual([]);
  const { unchecked } = before;
  expect(unchecked.map(({ code }) => code)).toEqual(
    expect.arrayContaining(["wan-down", "wan-paused", "quota-near"]),
  );
  for (const [code, make, mend] of FAULTS) {
    await run(...make);
    expect(codesOf(await examine())).toContain(code);
    await run(...mend);
  }
  expect(codesOf(await examine())).toEqual([]);
  expect(codesOf(await examine("server"))).toContain("limits-low -");
});

test("a file of ours from the future tells that the clock is off", async () => {
  const file = join(site.pair.directory, "router-state", "from-the-future");
  const tomorrow = Date.now() / 1000 + 86_400;
  await writeFile(file, "");
  await utimes(file, tomorrow, tomorrow);
  expect(codesOf(await examine())).toEqual(["clock-off -"]);
  await rm(file);
});

test("a running router is asked", async () => {
  await site.pair.start("server");
  await site.pair.until("server", ({ state }) => state.name === "up");
  await site.pair.start("router");
  await site.pair.until("router", bonded);
  expect(await examine()).toEqual({ findings: [], unchecked: [] });
  const user = { from: site.sockets("users"), to: WEB.v4 };
  await download(user, 16_000_000, "quota");
  const used = await until(examine, (diagnosis) => codesOf(diagnosis).includes("quota-used-up lte"), 10_000);
  expect(used.findings.every(({ severity }) => severity === "warning")).toBe(true);
});
