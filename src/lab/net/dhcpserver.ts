import { start, type Child } from "../../linux/process.ts";
import { nth, type AddressRange } from "../topology/addresses.ts";

/** What may be said of a DHCP server. */
export interface DhcpSpec {
  readonly interface: string;
}

/** Of the interface's subnet, from so many addresses behind its own; enough for a few routers behind it. */
const FIRST_STEP = 49;
const ADDRESSES = 32;
/** The shortest that dnsmasq gives. */
const LEASE = "2m";

/** The DHCP server of one host of a running lab: dnsmasq, which gives out addresses and itself as the gateway. */
export class DhcpServer {
  readonly spec: DhcpSpec;
  readonly #netns: string;
  #child: Child | undefined;

  constructor(spec: DhcpSpec, netns: string) {
    this.spec = spec;
    this.#netns = netns;
  }

  /** Starts anew, giving out addresses of this subnet and refusing all others. To be called on the main thread. */
  async restart(subnet: AddressRange): Promise<void> {
    await this.stop();
    const [first, last] = [nth(subnet, FIRST_STEP), nth(subnet, FIRST_STEP + ADDRESSES - 1)];
    const options = `--user=root --port=0 --leasefile-ro --no-ping --dhcp-authoritative --except-interface=lo --bind-dynamic`;
    const argv = [
      "setsid",
      "dnsmasq",
      "--keep-in-foreground",
      "--conf-file=/dev/null",
      "--pid-file",
      "--log-facility=/dev/null",
      ...options.split(" "),
      `--interface=${this.spec.interface}`,
      `--dhcp-range=${first},${last},${LEASE}`,
      `--dhcp-option=option:dns-server,${subnet.first}`,
    ] as const;
    this.#child = await start(argv, {
      netns: this.#netns,
      life: "tied",
      stdio: ["ignore", "ignore", "ignore"],
    });
  }

  async stop(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.exited;
    this.#child = undefined;
  }
}
