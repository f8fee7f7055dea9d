import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  IPPROTO_TCP,
  type IpChange,
  type IpRoute,
  type MptcpLimits,
  type Route,
  type Rule,
} from "../../src/linux/iproute.ts";
import type { KernelMonitor } from "../../src/linux/monitor.ts";
import type { Nft } from "../../src/linux/nft.ts";
import type { Sysctl } from "../../src/linux/sysctl.ts";

/** An empty host with two devices: wan0 10.1.0.2/24 and 2001:db8:1::2/64, wan1 10.2.0.2/24. */
export interface KernelWorld {
  readonly ip: IpRoute;
  /** The table "contract". */
  readonly nft: Nft;
  readonly sysctl: Sysctl;
  readonly monitor: KernelMonitor;
  /** Takes the cable of a device out, or plugs it in. */
  setCarrier(device: string, on: boolean): Promise<void>;
  close(): Promise<void>;
}

/** Taken by nobody: ours in production is another. */
const PROTOCOL = 200;

const RULE: Rule = { family: "inet", priority: 500, from: "10.1.0.2", table: 900, protocol: PROTOCOL };
const ROUTE: Route = {
  family: "inet",
  type: "unicast",
  table: 900,
  destination: "default",
  gateway: "10.1.0.1",
  device: "wan0",
  source: "10.1.0.2",
  initcwnd: 20,
  protocol: PROTOCOL,
};

/** Rules and routes of every kind that a plan holds. */
const RULES: readonly Rule[] = [
  RULE,
  { family: "inet", priority: 501, fwmark: { value: 0x10, mask: 0xf0 }, table: 901, protocol: PROTOCOL },
  { family: "inet", priority: 502, oif: "wan0", table: 900, protocol: PROTOCOL },
  { family: "inet", priority: 503, oif: "not-there", table: 900, protocol: PROTOCOL },
  {
    family: "inet",
    priority: 504,
    from: "10.0.0.0/8",
    to: "192.0.2.1",
    iif: "lo",
    table: 254,
    suppressPrefixLength: 0,
    protocol: PROTOCOL,
  },
  { family: "inet6", priority: 500, from: "2001:db8:1::2", table: 900, protocol: PROTOCOL },
  {
    family: "inet",
    priority: 505,
    fwmark: { value: 0, mask: 0x10 },
    iif: "wan0",
    action: "blackhole",
    protocol: PROTOCOL,
  },
  {
    family: "inet6",
    priority: 505,
    from: "2001:db8:1::2",
    to: "fd00:1::/64",
    iif: "lo",
    protocolNumber: IPPROTO_TCP,
    sourcePorts: { first: 1024, last: 32_767 },
    action: "blackhole",
    protocol: PROTOCOL,
  },
];
const ROUTES: readonly Route[] = [
  ROUTE,
  {
    family: "inet",
    type: "unicast",
    table: 900,
    destination: "10.1.0.0/24",
    device: "wan0",
    source: "10.1.0.2",
    protocol: PROTOCOL,
  },
  {
    family: "inet",
    type: "unicast",
    table: 900,
    destination: "default",
    device: "wan1",
    metric: 7,
    protocol: PROTOCOL,
  },
  {
    family: "inet",
    type: "unicast",
    table: 902,
    destination: "default",
    gateway: "192.0.2.9",
    device: "wan0",
    onlink: true,
    protocol: PROTOCOL,
  },
  { family: "inet", type: "local", table: 901, destination: "default", device: "lo", protocol: PROTOCOL },
  { family: "inet6", type: "local", table: 901, destination: "default", device: "lo", protocol: PROTOCOL },
  {
    family: "inet6",
    type: "unicast",
    table: 900,
    destination: "default",
    gateway: "2001:db8:1::1",
    device: "wan0",
    source: "2001:db8:1::2",
    initcwnd: 20,
    protocol: PROTOCOL,
  },
  {
    family: "inet6",
    type: "unicast",
    table: 902,
    destination: "default",
    gateway: "fe80::1",
    device: "wan1",
    metric: 9,
    protocol: PROTOCOL,
  },
];

const TABLE = `table inet contract {
	set names {
		type ipv4_addr . inet_service
		size 4
		timeout 10s
	}

	chain one {
		type filter hook prerouting priority raw; policy accept;
		iifname "wan0" jump two
	}

	chain two {
		ip daddr . tcp dport @names drop
	}
}
`;

/** What both kernels do, and what both refuse. */
export function kernelStateContract(name: string, makeWorld: () => Promise<KernelWorld>): void {
  describe(`kernel state contract: ${name}`, () => {
    let world: KernelWorld;
    beforeEach(async () => {
      world = await makeWorld();
    });
    afterEach(() => world.close());

    /** Makes one change; the code of the refusal, or undefined. */
    const attempt = async (change: IpChange): Promise<string | undefined> =>
      (await world.ip.run([change]))[0]?.error.code;
    const addRule = (value: Rule) => attempt({ object: "rule", verb: "add", value });
    const delRule = (value: Rule) => attempt({ object: "rule", verb: "del", value });
    const putRoute = (value: Route) => attempt({ object: "route", verb: "replace", value });
    const delRoute = (value: Route) => attempt({ object: "route", verb: "del", value });
    const setLimits = (value: MptcpLimits) => attempt({ object: "limits", verb: "set", value });
    const ours = <T extends { readonly protocol: number }>(items: readonly T[]): readonly T[] =>
      items.filter(({ protocol }) => protocol === PROTOCOL);
    const sysctlCode = (key: string, value: string): string | undefined => {
      try {
        world.sysctl.set(key, value);
        return undefined;
      } catch (error) {
        return (error as { code?: string }).code;
      }
    };

    it("shows links with their addresses and carrier", async () => {
      const links = await world.ip.links();
      expect(links.find(({ name }) => name === "wan0")).toMatchObject({
        up: true,
        carrier: true,
        addresses: [
          {
            family: "inet",
            address: "10.1.0.2",
            prefixLength: 24,
            scope: "global",
            secondary: false,
            preferred: true,
          },
          {
            family: "inet6",
            address: "2001:db8:1::2",
            prefixLength: 64,
            scope: "global",
            secondary: false,
            preferred: true,
          },
        ],
      });
      await world.setCarrier("wan0", false);
      await expect
        .poll(async () => (await world.ip.links()).find(({ name }) => name === "wan0"))
        .toMatchObject({ up: true, carrier: false });
    });

    it("tells of changes, until it is stopped", async () => {
      let told = 0;
      await world.monitor.start(() => (told += 1));
      await world.setCarrier("wan0", false);
      await expect.poll(() => told).toBeGreaterThan(0);
      const carrier = told;
      await addRule(RULE);
      await expect.poll(() => told).toBeGreaterThan(carrier);
      const rule = told;
      await world.nft.replace(TABLE);
      await expect.poll(() => told).toBeGreaterThan(rule);
      const table = told;
      await world.nft.remove();
      await expect.poll(() => told).toBeGreaterThan(table);
      await world.monitor.stop();
      const last = told;
      await delRule(RULE);
      expect((await world.ip.rules()).map(({ priority }) => priority)).not.toContain(RULE.priority);
      expect(told).toBe(last);
    });

    it("routes connected networks by itself", async () => {
      const routes = await world.ip.routes();
      for (const destination of ["10.1.0.0/24", "2001:db8:1::/64"])
        expect(routes).toContainEqual(
          expect.objectContaining({ table: 254, destination, device: "wan0", protocol: 2 }),
        );
    });

    it("gives back rules and routes as they were given, and takes them away", async () => {
      const changes = [
        ...ROUTES.map((value): IpChange => ({ object: "route", verb: "replace", value })),
        ...RULES.map((value): IpChange => ({ object: "rule", verb: "add", value })),
      ];
      expect(await world.ip.run(changes)).toEqual([]);
      const rules = ours(await world.ip.rules());
      const routes = ours(await world.ip.routes());
      expect(rules).toHaveLength(RULES.length);
      expect(rules).toEqual(expect.arrayContaining([...RULES]));
      expect(routes).toHaveLength(ROUTES.length);
      expect(routes).toEqual(expect.arrayContaining([...ROUTES]));
      const back = [
        ...rules.map((value): IpChange => ({ object: "rule", verb: "del", value })),
        ...routes.map((value): IpChange => ({ object: "route", verb: "del", value })),
      ];
      expect(await world.ip.run(back)).toEqual([]);
      expect(ours(await world.ip.rules())).toEqual([]);
      expect(ours(await world.ip.routes())).toEqual([]);
    });

    it("refuses a rule twice, and to delete one that is not there", async () => {
      expect(await addRule(RULE)).toBeUndefined();
      expect(await addRule(RULE)).toBe("ip-exists");
      expect(await addRule({ ...RULE, priority: 501 })).toBeUndefined();
      expect(await delRule({ ...RULE, table: 999 })).toBe("ip-missing");
      expect(await delRule({ ...RULE, family: "inet6", from: "2001:db8::1" })).toBe("ip-missing");
    });

    it("puts a route in the place of the one with its destination and metric", async () => {
      await putRoute(ROUTE);
      expect(await attempt({ object: "route", verb: "add", value: ROUTE })).toBe("ip-exists");
      expect(await putRoute({ ...ROUTE, gateway: "10.1.0.9", initcwnd: 10 })).toBeUndefined();
      expect(await putRoute({ ...ROUTE, metric: 5 })).toBeUndefined();
      expect(ours(await world.ip.routes())).toHaveLength(2);
      expect(await delRoute({ ...ROUTE, destination: "192.0.2.0/24" })).toBe("ip-missing");
      expect(await delRoute({ ...ROUTE, table: 999 })).toBe("ip-missing");
    });

    it("refuses routes that lead nowhere", async () => {
      expect(await putRoute({ ...ROUTE, gateway: "192.0.2.9" })).toBe("ip-unreachable");
      expect(await putRoute({ ...ROUTE, gateway: "10.2.0.1" })).toBe("ip-unreachable");
      expect(await putRoute({ ...ROUTE, source: "10.1.0.77" })).toBe("ip-unreachable");
      expect(await putRoute({ ...ROUTE, device: "not-there" })).toBe("ip-no-device");
      const inet6 = { ...ROUTE, family: "inet6", gateway: "2001:db8:9::1", source: "2001:db8:1::2" } as const;
      expect(await putRoute(inet6)).toBe("ip-unreachable");
      expect(await putRoute({ ...inet6, gateway: "2001:db8:1::1", source: "2001:db8:1::77" })).toBe(
        "ip-unreachable",
      );
      expect(ours(await world.ip.routes())).toEqual([]);
    });

    it("makes the other changes of a batch when one is refused, and says which it was", async () => {
      const bad: IpChange = { object: "route", verb: "replace", value: { ...ROUTE, gateway: "192.0.2.9" } };
      const missing: IpChange = { object: "rule", verb: "del", value: { ...RULE, priority: 777 } };
      const limits = { subflows: 8, addAddrAccepted: 0 };
      const over: IpChange = { object: "limits", verb: "set", value: { ...limits, subflows: 100 } };
      const failures = await world.ip.run([
        { object: "rule", verb: "add", value: RULE },
        bad,
        missing,
        over,
        { object: "route", verb: "replace", value: ROUTE },
        { object: "limits", verb: "set", value: limits },
      ]);
      expect(failures.map(({ change, error }) => [change, error.code])).toEqual([
        [bad, "ip-unreachable"],
        [missing, "ip-missing"],
        [over, "ip-limit"],
      ]);
      expect(failures[0]?.error.message).toContain("via 192.0.2.9");
      expect(ours(await world.ip.rules())).toEqual([RULE]);
      expect(ours(await world.ip.routes())).toEqual([ROUTE]);
      expect(await world.ip.limits()).toEqual(limits);
    });

    it("takes limits of up to 8", async () => {
      expect(await setLimits({ subflows: 8, addAddrAccepted: 8 })).toBeUndefined();
      expect(await setLimits({ subflows: 9, addAddrAccepted: 0 })).toBe("ip-limit");
      expect(await setLimits({ subflows: 0, addAddrAccepted: 9 })).toBe("ip-limit");
      expect(await world.ip.limits()).toEqual({ subflows: 8, addAddrAccepted: 8 });
    });

    it("has the settings of its devices and protocols, and no others", () => {
      for (const key of ["net/ipv4/conf/wan0/rp_filter", "net/mptcp/enabled", "net/ipv4/tcp_rmem"])
        expect(world.sysctl.get(key)).toMatch(/^\d+(\t\d+)*$/);
      expect(world.sysctl.get("net/ipv4/conf/not-there/rp_filter")).toBeUndefined();
      expect(world.sysctl.get("net/mptcp/nonsense")).toBeUndefined();
      expect(sysctlCode("net/ipv4/conf/not-there/rp_filter", "1")).toBe("ENOENT");
      for (const key of [
        "kernel/ostype",
        "net/../kernel/ostype",
        "net//core",
        "net/./core",
        "net/ipv4/..",
        "",
      ])
        expect(() => world.sysctl.get(key)).toThrow(expect.objectContaining({ code: "bad-sysctl-key" }));
    });

    it("takes settings that make sense", () => {
      world.sysctl.set("net/ipv4/conf/wan0/rp_filter", "2");
      expect(world.sysctl.get("net/ipv4/conf/wan0/rp_filter")).toBe("2");
      expect(world.sysctl.get("net/ipv4/conf/wan1/rp_filter")).toBe("0");
      world.sysctl.set("net/ipv4/tcp_rmem", "4096 131072 40000000");
      expect(world.sysctl.get("net/ipv4/tcp_rmem")).toBe("4096\t131072\t40000000");
      expect(sysctlCode("net/ipv4/conf/wan0/rp_filter", "many")).toBe("EINVAL");
      expect(sysctlCode("net/mptcp/enabled", "99")).toBe("EINVAL");
      expect(sysctlCode("net/ipv4/tcp_rmem", "4096 131072 0")).toBe("EINVAL");
      expect(world.sysctl.get("net/mptcp/enabled")).toBe("1");
    });

    it("keeps one table, replaced as a whole", async () => {
      expect(await world.nft.table()).toBeUndefined();
      await world.nft.remove();
      await world.nft.replace(TABLE);
      expect(await world.nft.table()).toBe(TABLE);
      const other = TABLE.replace("drop", "accept");
      await world.nft.replace(other);
      expect(await world.nft.table()).toBe(other);
      await world.nft.remove();
      expect(await world.nft.table()).toBeUndefined();
    });

    it("refuses a table that refers to what is not there, and keeps the old one", async () => {
      await world.nft.replace(TABLE);
      const bad = [TABLE.replace("jump two", "jump three"), TABLE.replace("@names", "@nobody")];
      for (const text of bad)
        await expect(world.nft.replace(text)).rejects.toMatchObject({
          code: "nft-unknown",
          causeClass: "kernel",
        });
      for (const text of [TABLE.replace("chain two {", "chian two {"), TABLE.slice(0, -3)])
        await expect(world.nft.replace(text)).rejects.toMatchObject({ code: "nft-refused" });
      expect(await world.nft.table()).toBe(TABLE);
    });

    it("adds to sets that are there, in one piece, until they are full", async () => {
      const add = (set: string, ...values: string[]) =>
        world.nft.addElements(
          set,
          values.map((value) => ({ value, timeoutMs: 60_000 })),
        );
      await expect(add("names", "192.0.2.1 . 80")).rejects.toMatchObject({ code: "nft-unknown" });
      await world.nft.replace(TABLE);
      await add("names", "192.0.2.1 . 80", "192.0.2.2 . 80");
      await add("names", "192.0.2.1 . 80");
      await expect(add("nobody", "192.0.2.1 . 80")).rejects.toMatchObject({ code: "nft-unknown" });
      await expect(add("names", "2001:db8::1 . 80")).rejects.toMatchObject({ code: "nft-refused" });
      await expect(add("names", "192.0.2.3 . 80", "192.0.2.4 . 80", "192.0.2.5 . 80")).rejects.toMatchObject({
        code: "nft-set-full",
      });
      // Nothing of the refused piece stayed.
      await add("names", "192.0.2.6 . 80", "192.0.2.7 . 80");
      await add("names");
      expect(await world.nft.table()).toBe(TABLE);
    });
  });
}
