import ipaddr from "ipaddr.js";
import { isDeepStrictEqual } from "node:util";
import { SennitError } from "../../base/errors.ts";
import {
  renderChange,
  type Address,
  type DeviceAddress,
  type IpChange,
  type IpFailure,
  type IpRoute,
  type Link,
  type MptcpLimits,
  type Route,
  type Rule,
} from "../iproute.ts";

const RT_TABLE_MAIN = 254;
const RT_TABLE_LOCAL = 255;
/** RTPROT_KERNEL: of routes that come with an address. */
const RTPROT_KERNEL = 2;
/** MPTCP_SUBFLOWS_MAX of kernels up to 6.18. */
const MPTCP_SUBFLOWS_MAX = 8;

/** Policy rules, routes and MPTCP limits of FakeKernel. */
export class FakeIpRoute implements IpRoute {
  readonly #links: readonly Link[];
  readonly #changed: () => void;
  readonly #readdress: (device: string, addresses: readonly Address[]) => void;
  #rules: Rule[] = [
    { family: "inet", priority: 0, table: RT_TABLE_LOCAL, protocol: RTPROT_KERNEL },
    { family: "inet", priority: 32_766, table: RT_TABLE_MAIN, protocol: RTPROT_KERNEL },
    { family: "inet", priority: 32_767, table: 253, protocol: RTPROT_KERNEL },
    { family: "inet6", priority: 0, table: RT_TABLE_LOCAL, protocol: RTPROT_KERNEL },
    { family: "inet6", priority: 32_766, table: RT_TABLE_MAIN, protocol: RTPROT_KERNEL },
  ];
  #routes: Route[] = [];
  #limits: MptcpLimits = { subflows: 2, addAddrAccepted: 0 };

  constructor(
    links: readonly Link[],
    changed: () => void,
    readdress: (device: string, addresses: readonly Address[]) => void,
  ) {
    this.#links = links;
    this.#changed = changed;
    this.#readdress = readdress;
  }

  links = async (): Promise<readonly Link[]> => [...this.#links];
  rules = async (): Promise<readonly Rule[]> => [...this.#rules];
  routes = async (): Promise<readonly Route[]> => [...this.#routes];
  limits = async (): Promise<MptcpLimits> => this.#limits;

  run = async (changes: readonly IpChange[]): Promise<readonly IpFailure[]> => {
    const failures: IpFailure[] = [];
    for (const change of changes) {
      const code = this.#make(change);
      if (code === undefined) this.#changed();
      else failures.push({ change, error: refusal(change, code) });
    }
    return failures;
  };

  /**
   * A device's addresses have changed: the kernel's own routes come and go, and so do routes from addresses that are gone;
   * with the last IPv4 address, all of IPv4 (fib_disable_ip in net/ipv4/fib_frontend.c).
   */
  followAddresses(device: string): void {
    const addresses = this.#links.find(({ name }) => name === device)?.addresses ?? [];
    const hasIpv4 = addresses.some(({ family }) => family === "inet");
    this.#routes = this.#routes.filter(
      (route) =>
        route.device !== device ||
        ((route.family === "inet6" || hasIpv4) &&
          route.protocol !== RTPROT_KERNEL &&
          (route.source === undefined || addresses.some(({ address }) => address === route.source))),
    );
    for (const { family, address, prefixLength, metric } of addresses) {
      const kind = family === "inet" ? ipaddr.IPv4 : ipaddr.IPv6;
      const network = kind.networkAddressFromCIDR(`${address}/${prefixLength}`).toString();
      const common = { family, device, protocol: RTPROT_KERNEL } as const;
      const source = family === "inet" ? { source: address } : {};
      this.#routes.push(
        { ...common, ...source, type: "local", table: RT_TABLE_LOCAL, destination: address },
        {
          ...common,
          ...source,
          type: "unicast",
          table: RT_TABLE_MAIN,
          destination: `${network}/${prefixLength}`,
          ...(family === "inet6" && { metric: 256 }),
          ...(metric !== undefined && { metric }),
        },
      );
    }
  }

  /** The code of the refusal, or undefined when the change is made. */
  #make({ object, verb, value }: IpChange): string | undefined {
    if (object === "limits") return this.#setLimits(value);
    if (object === "address") return verb === "add" ? this.#addAddress(value) : this.#delAddress(value);
    if (object === "rule") return verb === "add" ? this.#addRule(value) : this.#delRule(value);
    return verb === "del" ? this.#delRoute(value) : this.#putRoute(value, verb === "replace");
  }

  #addAddress({ device, family, address, prefixLength, metric }: DeviceAddress): string | undefined {
    const link = this.#links.find(({ name }) => name === device);
    if (link === undefined) return "ip-no-device";
    if (link.addresses.some((own) => own.address === address && own.prefixLength === prefixLength))
      return "ip-exists";
    const fresh = { family, address, prefixLength, metric, scope: "global", preferred: true } as const;
    // The kernel lists IPv6 addresses of one scope from the newest.
    const all = [...link.addresses, { ...fresh, secondary: false }];
    const [inet, inet6] = (["inet", "inet6"] as const).map((one) => all.filter((own) => own.family === one));
    this.#readdress(device, [...(inet ?? []), ...(inet6 ?? [])]);
    return undefined;
  }

  #delAddress({ device, address, prefixLength }: DeviceAddress): string | undefined {
    const link = this.#links.find(({ name }) => name === device);
    if (link === undefined) return "ip-no-device";
    const left = link.addresses.filter((own) => own.address !== address || own.prefixLength !== prefixLength);
    if (left.length === link.addresses.length) return "ip-missing";
    this.#readdress(device, left);
    return undefined;
  }

  #addRule(rule: Rule): string | undefined {
    if (this.#rules.some((other) => isDeepStrictEqual(other, rule))) return "ip-exists";
    this.#rules.push(rule);
    return undefined;
  }

  #delRule(rule: Rule): string | undefined {
    const at = this.#rules.findIndex((other) => isDeepStrictEqual(other, rule));
    if (at === -1) return "ip-missing";
    this.#rules.splice(at, 1);
    return undefined;
  }

  #putRoute(route: Route, replace: boolean): string | undefined {
    for (const hop of route.nextHops ?? [route]) {
      const link = this.#links.find(({ name }) => name === hop.device);
      if (link === undefined) return "ip-no-device";
      if (!link.up || !isOnLink(hop, link)) return "ip-unreachable";
      // "Device only routes can not be added for IPv6 using the multipath API."
      if (route.nextHops && route.family === "inet6" && hop.gateway === undefined) return "ip-refused";
    }
    if (!this.#isLocal(route.source)) return "ip-unreachable";
    const key = ({ family, table, destination, metric }: Route) => [family, table, destination, metric];
    const at = this.#routes.findIndex((other) => isDeepStrictEqual(key(other), key(route)));
    if (at === -1) this.#routes.push(route);
    else if (replace) this.#routes[at] = route;
    else return "ip-exists";
    return undefined;
  }

  #isLocal(address: string | undefined): boolean {
    return (
      address === undefined ||
      this.#links.some((link) => link.addresses.some((own) => own.address === address))
    );
  }

  /** What is not given matches anything; initcwnd is not looked at. */
  #delRoute(wanted: Route): string | undefined {
    const given = Object.entries(wanted).filter(([name]) => name !== "initcwnd");
    const at = this.#routes.findIndex((route) =>
      given.every(([name, value]) => isDeepStrictEqual(route[name as keyof Route], value)),
    );
    if (at === -1) return "ip-missing";
    this.#routes.splice(at, 1);
    return undefined;
  }

  #setLimits(limits: MptcpLimits): string | undefined {
    if (Math.max(limits.subflows, limits.addAddrAccepted) > MPTCP_SUBFLOWS_MAX) return "ip-limit";
    this.#limits = limits;
    return undefined;
  }
}

function isOnLink({ gateway, onlink }: Pick<Route, "gateway" | "onlink">, link: Link): boolean {
  if (gateway === undefined || onlink === true) return true;
  const parsed = ipaddr.parse(gateway);
  if (parsed.range() === "linkLocal") return true;
  return link.addresses.some(({ address, prefixLength }) => {
    const own = ipaddr.parse(address);
    return own.kind() === parsed.kind() && parsed.match(own, prefixLength);
  });
}

function refusal(change: IpChange, code: string): SennitError {
  return new SennitError("kernel", code, `ip ${renderChange(change).join(" ")}: refused (${code})`);
}
