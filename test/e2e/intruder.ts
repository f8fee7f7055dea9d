import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Closer } from "../../src/base/closer.ts";
import type { Family } from "../../src/linux/iproute.ts";
import { BURST, Scanner, SOURCE_PORT, type Probe, type Way } from "../netplan/scanner.ts";
import type { Site } from "./site.ts";

/** Somewhere behind the modem, and nobody's in the lab. */
const STRANGER: Readonly<Record<Family, string>> = { inet: "10.99.0.1", inet6: "fd99::1" };
/** Of the lab's `wan1`. */
const ROUND_TRIP_MS = 16;
/** The lab's WANs have no IPv6 of their own. */
const LINK6 = { modem: "2001:db8:71::1", router: "2001:db8:71::2" } as const;

/** The scanner's packets are no business of the modem's NAT, nor of its memory. */
const UNTRACKED = `table inet intruder {
  chain prerouting {
    type filter hook prerouting priority raw; policy accept;
    iifname "scan0" notrack
    ip daddr 10.99.0.0/24 notrack
    ip6 daddr fd99::/64 notrack
  }
}
`;
/** What comes to a host: a probe, or somebody's answer to one. */
const COUNTED = `table inet counted {
  chain everything {
    type filter hook prerouting priority -400; policy accept;
    meta l4proto { tcp, udp } th sport ${SOURCE_PORT} counter accept
    meta l4proto { tcp, udp } th dport ${SOURCE_PORT} counter
  }
}
`;

const TRIES = 3;
/** What has not come by then was lost (ms), and is missed when all is counted. */
const PASS_LIMIT_MS = 500;

/** Over the emulated link `wan1`, whose queue is short. */
async function wayTo(site: Site): Promise<Way> {
  const { data } = await site.pair.status("router");
  const received = (): number => {
    const line = readFileSync(`/proc/${data.pid}/net/dev`, "utf8")
      .split("\n")
      .find((text) => text.trimStart().startsWith("wan1:"));
    return Number(line?.trim().split(/[\s:]+/)[2]);
  };
  let base = 0;
  return {
    roundTripMs: ROUND_TRIP_MS,
    // The burst before may still be on its way.
    room: async (sent) => {
      if (sent === 0) base = received();
      const end = performance.now() + PASS_LIMIT_MS;
      while (received() < base + sent - BURST && performance.now() < end) await sleep(1);
    },
  };
}

/** Somebody at the modem of a WAN of the lab `dhcp` who looks for open ports behind it. */
export class Intruder {
  readonly #site: Site;
  readonly #scanner: Scanner;
  /** The router as it is called on the WAN, and in the LAN, and who else is there. */
  readonly router: Readonly<Record<Family, string>>;
  readonly gateway: Readonly<Record<Family, string>> = { inet: "192.168.10.1", inet6: "fd00:10::1" };
  readonly user: Readonly<Record<Family, string>> = { inet: "192.168.10.2", inet6: "fd00:10::2" };

  private constructor(site: Site, scanner: Scanner, address: string) {
    this.#site = site;
    this.#scanner = scanner;
    this.router = { inet: address, inet6: LINK6.router };
  }

  /** `address`: of the router, on `wan1`. */
  static async enter(site: Site, closer: Closer, address: string): Promise<Intruder> {
    const scanner = new Scanner(site.lab.netns("nat1"), "scan0", await wayTo(site));
    closer.add("scanner", () => scanner.close());
    const ip = (host: string, words: string): Promise<unknown> =>
      site.lab.exec(host)(["ip", ...words.split(" ")]);
    await ip("nat1", "link set scan0 up");
    await ip("nat1", "route add 10.99.0.0/24 dev scan0");
    await ip("nat1", "route add fd99::/64 dev scan0");
    await ip("nat1", `addr add ${LINK6.modem}/64 dev lan nodad`);
    await ip("router", `addr add ${LINK6.router}/64 dev wan1 nodad`);
    await ip("router", `route add fd99::/64 via ${LINK6.modem} dev wan1`);
    await ip("router", `route add 10.99.0.0/24 via 192.168.1.1 dev wan1`);
    // The way into the LAN, which only the router may close.
    await ip("nat1", `route add 192.168.10.0/24 via ${address}`);
    await ip("nat1", `route add fd00:10::/64 via ${LINK6.router}`);
    await site.lab.exec("nat1")(["nft", "-f", "-"], { input: UNTRACKED });
    for (const host of ["router", "user"]) await site.lab.exec(host)(["nft", "-f", "-"], { input: COUNTED });
    return new Intruder(site, scanner, address);
  }

  /** Probes that came to the router in the last try, packets that came back, and that came to the LAN's user meanwhile. */
  async scan(
    from: string,
    to: string,
    probes: readonly Probe[],
  ): Promise<{ readonly came: number; readonly answered: number; readonly reached: number }> {
    const reachedBefore = await this.#counted("user");
    let [came, answered] = [0, 0];
    // What a busy link lost is asked once more, with all the others.
    for (let tries = 0; tries < TRIES && came < probes.length; tries++) {
      const cameBefore = await this.#counted("router");
      answered += await this.#scanner.scan(from, to, probes);
      came = (await this.#counted("router")) - cameBefore;
    }
    return { came, answered, reached: (await this.#counted("user")) - reachedBefore };
  }

  /** From whom it may say that it is, to whom: every pair that makes sense. */
  pairs(family: Family): readonly (readonly [from: string, to: string])[] {
    const [router, gateway, user] = [this.router[family], this.gateway[family], this.user[family]];
    return [STRANGER[family], user, gateway].flatMap((from) =>
      [router, gateway, user].filter((to) => to !== from).map((to) => [from, to] as const),
    );
  }

  async #counted(host: string): Promise<number> {
    const { stdout } = await this.#site.lab.exec(host)(["nft", "list", "table", "inet", "counted"]);
    return [...stdout.matchAll(/counter packets (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  }
}
