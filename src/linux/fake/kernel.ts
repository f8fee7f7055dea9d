import type { Address, Link } from "../iproute.ts";
import type { KernelMonitor } from "../monitor.ts";
import { FakeIpRoute } from "./kerneliproute.ts";
import { FakeNft } from "./kernelnft.ts";
import { FakeSysctl } from "./kernelsysctl.ts";

/**
 * One network namespace in memory, behind the same ports as the real one: devices, addresses, routes, rules, MPTCP
 * limits, settings and our nft table. It refuses what the kernel refuses (test/linux/kernelstate.contract.ts); it
 * forwards no packets.
 */
export class FakeKernel {
  readonly nft: FakeNft;
  readonly ip: FakeIpRoute;
  readonly sysctl: FakeSysctl;
  readonly monitor: KernelMonitor;
  readonly #links: Link[] = [];
  readonly #listeners = new Set<() => void>();

  /** `table` is the name of the nft table that is ours. */
  constructor(table: string) {
    this.nft = new FakeNft(table, () => this.#tell());
    this.ip = new FakeIpRoute(
      this.#links,
      () => this.#tell(),
      (device, addresses) => this.#setAddresses(device, addresses),
    );
    this.sysctl = new FakeSysctl(this.#links);
    let listening: (() => void) | undefined;
    this.monitor = {
      start: async (onChange) => {
        listening = onChange;
        this.#listeners.add(onChange);
      },
      stop: async () => {
        if (listening !== undefined) this.#listeners.delete(listening);
      },
    };
    this.addDevice("lo", "127.0.0.1/8", "::1/128");
  }

  /** A device that is up, with carrier and these addresses ("10.1.0.2/24"). */
  addDevice(name: string, ...addresses: readonly string[]): void {
    this.#links.push({
      name,
      index: this.#links.length + 1,
      kind: name === "lo" ? undefined : "veth",
      up: true,
      carrier: true,
      mtu: name === "lo" ? 65_536 : 1500,
      addresses: [],
    });
    this.setAddresses(name, ...addresses);
  }

  /** Plugs the cable in or out. Routes stay, as in the kernel. */
  setCarrier(name: string, carrier: boolean): void {
    this.#change(name, (link) => ({ ...link, carrier }));
  }

  /** These addresses and no others; routes of the kernel's own follow, routes from an address that is gone go. */
  setAddresses(name: string, ...addresses: readonly string[]): void {
    const parsed = addresses.map(parseAddress);
    // The kernel lists IPv6 addresses of one scope from the newest.
    const inet6 = parsed.filter(({ family }) => family === "inet6").toReversed();
    const inOrder = [...parsed.filter(({ family }) => family === "inet"), ...inet6];
    this.#setAddresses(name, inOrder);
  }

  #setAddresses(name: string, addresses: readonly Address[]): void {
    this.#change(name, (link) => ({ ...link, addresses }));
    this.ip.followAddresses(name);
  }

  #change(name: string, change: (link: Link) => Link): void {
    const at = this.#links.findIndex((link) => link.name === name);
    const link = this.#links[at];
    if (link !== undefined) this.#links[at] = change(link);
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

function parseAddress(text: string): Address {
  const [address = "", length = ""] = text.split("/");
  const family = address.includes(":") ? "inet6" : "inet";
  const host = address === "::1" || address.startsWith("127.");
  return {
    family,
    address,
    prefixLength: Number(length),
    scope: host ? "host" : /^fe80:/i.test(address) ? "link" : "global",
    secondary: false,
    preferred: true,
  };
}
