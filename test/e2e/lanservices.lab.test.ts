import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Closer } from "../../src/base/closer.ts";
import { leasesSchema } from "../../src/api/leases.ts";
import { bonded } from "../../src/lab/pair.ts";
import { processesIn } from "../../src/linux/usage.ts";
import { download } from "./http.ts";
import { ALL_TCP, USUAL_UDP } from "../netplan/scanner.ts";
import { Intruder } from "./intruder.ts";
import { openSite, WEB, type Site } from "./site.ts";
import { until } from "./until.ts";
import { expectedSha256 } from "../../src/lab/services/bytes.ts";

/*
 *   user --- router ===wan1=== nat1 (DHCP) --- internet --- server, web (asked for names, too)
 *                   ===wan2=== nat2 (DHCP) ---
 */
const closer = new Closer();
let site: Site;

beforeAll(async () => {
  site = await openSite(closer, {
    topology: "dhcp",
    wans: {
      wan1: { interface: "wan1", addressing: "dhcp" },
      wan2: { interface: "wan2", addressing: "dhcp" },
    },
    lan: {
      interfaces: ["lan"],
      addresses: ["192.168.10.1/24"],
      dhcp: { range: "192.168.10.100-192.168.10.150", lease: "5 min" },
      dns: { upstream: [WEB.v4], domain: "home.arpa" },
      ra: true,
    },
  });
  // A resolver out there: it knows every name, and says of each that it is 203.0.113.7.
  await site.lab.start("web", [
    "dnsmasq",
    "--keep-in-foreground",
    "--conf-file=/dev/null",
    "--pid-file",
    "--user=root",
    "--no-resolv",
    "--no-hosts",
    "--address=/#/203.0.113.7",
    "--local-ttl=0",
    "--log-facility=/dev/null",
  ]);
  await site.pair.up();
});
afterAll(() => closer.close());

const FAMILIES = ["inet", "inet6"] as const;
let intruder: Intruder | undefined;
/** Where something is open in the LAN, and what the system may use. */
const SOME = [...ALL_TCP.slice(0, 1024), ...USUAL_UDP];

async function wan1Address(): Promise<string> {
  const { wans } = await site.pair.status("router");
  return wans[0]?.addresses.find((address) => address.includes(".")) ?? "";
}

/** What the LAN's user is told of a name, by the router. */
async function ask(name: string): Promise<string> {
  const { stdout } = await site.lab.exec("user")(["busybox", "nslookup", "-type=a", name, "192.168.10.1"], {
    allow: [0, 1],
    timeoutMs: 15_000,
  });
  return stdout;
}
const dnsmasqPid = async (): Promise<number | undefined> => {
  const { stdout } = await site.lab.exec("router")(["ss", "-Hlunp", "sport = :53"], { allow: [0, 1] });
  const pid = /"dnsmasq",pid=(\d+)/.exec(stdout)?.[1];
  return pid === undefined ? undefined : Number(pid);
};

/** The router's DHCP clients. */
const udhcpcPids = async (): Promise<readonly number[]> =>
  processesIn(site.lab.netns("router")).filter(
    (pid) => readFileSync(`/proc/${pid}/comm`, "utf8") === "udhcpc\n",
  );

it("the LAN gets addresses, and names over whichever WAN is there", async () => {
  const offered = await site.lab.exec("user")(["udhcpc", "-fnqi", "lan", "-s", "/bin/true", "-t8", "-T1"]);
  expect(offered.stderr + offered.stdout).toMatch(/lease of 192\.168\.10\.1\d\d obtained/);
  const leases = leasesSchema.parse(JSON.parse(await site.pair.sennit("router", ["leases", "--json"])));
  expect(leases.lan).toEqual([
    expect.objectContaining({ address: expect.stringMatching(/^192\.168\.10\.1/) }),
  ]);
  expect(leases.wans.map(({ wan, gateway }) => [wan, gateway])).toEqual([
    ["wan1", "192.168.1.1"],
    ["wan2", "192.168.2.1"],
  ]);
  expect(await ask("one.example.net")).toContain("203.0.113.7");
  for (const [cut, name] of [
    ["wan1", "two.example.net"],
    ["wan2", "three.example.net"],
  ] as const) {
    await site.lab.fault("blackhole", cut);
    expect(await ask(name)).toContain("203.0.113.7");
    await site.lab.heal();
  }
});

it("nothing of it is on a WAN's address", async () => {
  const { stdout } = await site.lab.exec("router")(["ss", "-Hlntu"]);
  const open = stdout
    .split("\n")
    .map((line) => line.split(/\s+/)[4] ?? "")
    .filter((local) => /:(?:53|67|547)$/.test(local));
  expect(open).toContain("192.168.10.1:53");
  expect(open.filter((local) => /^192\.168\.[12]\./.test(local))).toEqual([]);
});

describe("a scan from a WAN, with all of it at work", () => {
  it.each(FAMILIES)("finds nothing of router and LAN, from any source: %s", async (family) => {
    intruder ??= await Intruder.enter(site, closer, await wan1Address());
    for (const [index, [from, to]] of intruder.pairs(family).entries()) {
      const probes = index === 0 ? [...ALL_TCP, ...USUAL_UDP] : SOME;
      expect([from, to, await intruder.scan(from, to, probes)]).toEqual([
        from,
        to,
        { came: probes.length, answered: 0, reached: 0 },
      ]);
    }
  });
});

it("killed, dnsmasq is back within moments, and connections go on", async () => {
  const pid = await until(dnsmasqPid, (found) => found !== undefined);
  const user = { from: site.sockets("user"), to: WEB.v4 };
  const flow = download(user, 10_000_000, "on");
  process.kill(pid ?? 0, "SIGKILL");
  await until(dnsmasqPid, (found) => found !== undefined && found !== pid, 3000);
  expect(await ask("four.example.net")).toContain("203.0.113.7");
  expect(await flow).toEqual({ bytes: 10_000_000, sha256: expectedSha256(10_000_000, "on") });
});

it("with control killed the LAN has names and leases, the WANs renew theirs, and the next control has its own", async () => {
  const pid = await dnsmasqPid();
  await site.pair.kill("router");
  expect(await ask("five.example.net")).toContain("203.0.113.7");
  const offered = await site.lab.exec("user")(["udhcpc", "-fnqi", "lan", "-s", "/bin/true", "-t8", "-T1"]);
  expect(offered.stderr + offered.stdout).toMatch(/lease of 192\.168\.10\.1\d\d obtained/);
  // SIGUSR1 has a client renew its lease at once (udhcpc(8)).
  const clients = await udhcpcPids();
  expect(clients).toHaveLength(2);
  for (const client of clients) process.kill(client, "SIGUSR1");
  expect(await dnsmasqPid()).toBe(pid);
  await site.pair.start("router");
  await until(dnsmasqPid, (found) => found !== undefined && found !== pid, 10_000);
  await site.pair.until("router", bonded);
  expect(await ask("six.example.net")).toContain("203.0.113.7");
  const now = await udhcpcPids();
  expect(now).toHaveLength(2);
  for (const client of clients) expect(now).not.toContain(client);
});

it("what a killed control left running is taken away by clean", async () => {
  await site.pair.kill("router");
  // A scan would see it: nobody is there to put the table back.
  await site.lab.exec("router")(["nft", "delete", "table", "inet", "sennit"]);
  for (const family of FAMILIES) {
    const [from, to] = intruder?.pairs(family)[0] ?? ["", ""];
    expect((await intruder?.scan(from, to, SOME))?.answered).toBeGreaterThan(500);
  }
  expect(await site.pair.sennit("router", ["router", "clean"])).toContain("stopped 3 of dnsmasq and udhcpc");
  expect([await dnsmasqPid(), await udhcpcPids()]).toEqual([undefined, []]);
});

it("dnsmasq ends with the router", async () => {
  await site.pair.start("router");
  await until(dnsmasqPid, (found) => found !== undefined, 10_000);
  await site.pair.stop("router");
  expect([await dnsmasqPid(), await udhcpcPids()]).toEqual([undefined, []]);
});
