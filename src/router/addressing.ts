import type { StatusReport } from "../api/status.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { RouterConfig } from "../config/router.ts";
import { DhcpClient, type DhcpClientOptions } from "../control/dhcpclient.ts";
import type { Link } from "../linux/iproute.ts";
import type { DhcpEvent, Offer } from "../linux/udhcpc.ts";
import type { Observations } from "../netplan/model.ts";
import { WanLeaseFile, type WanLease } from "../store/wanleases.ts";
import { findDevices, type FoundDevices } from "./devices.ts";
import type { IntentFacts } from "./intent.ts";

export interface AddressingDeps {
  readonly config: RouterConfig;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly log: Log;
  /** The kernel's driver of a device. */
  readonly driverOf: (device: string) => string | undefined;
  /** Other addresses or gateways are wanted from now on. */
  readonly onChange: () => void;
  readonly startProgram?: DhcpClientOptions["start"];
}

/** Leases are looked through so often (ms) for those that have run out: one that is used a second too long harms nobody. */
const EXPIRY_CHECK_MS = 1000;

/**
 * Which device each WAN has, and which addresses it is to have: those of the config, or those of a DHCP server. Sets nothing
 * up: the plan does. A client runs while its device has a carrier, so that a cable that comes back is asked about at once.
 */
export class Addressing {
  readonly #deps: AddressingDeps;
  readonly #file: WanLeaseFile;
  readonly #leases = new Map<string, WanLease>();
  /** By WAN. */
  readonly #clients = new Map<string, DhcpClient>();
  readonly #troubles = new Map<string, StatusReport["problems"][number]>();
  #found: FoundDevices = { devices: new Map(), problems: [] };
  #cancelExpiry: (() => void) | undefined;
  #stopped = false;

  constructor(deps: AddressingDeps) {
    this.#deps = deps;
    this.#file = new WanLeaseFile(deps.config.directories.run);
  }

  /** Takes up the leases of before. Clients run from the first `look` on. */
  start(): void {
    const { clock, wallClock } = this.#deps;
    for (const lease of this.#file.read(wallClock())) {
      if (this.#asks(lease.wan)) this.#leases.set(lease.wan, lease);
    }
    this.#cancelExpiry = clock.every(EXPIRY_CHECK_MS, () => this.#dropExpired());
  }

  /** The leases are kept: who starts next asks for the same addresses. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelExpiry?.();
    await Promise.all([...this.#clients.values()].map((client) => client.stop()));
  }

  /** Follows devices as they come and go. */
  look(observed: Observations): void {
    if (this.#stopped) return;
    const { config, driverOf } = this.#deps;
    this.#found = findDevices(config.wans, observed.links, driverOf);
    for (const wan of Object.keys(config.wans)) {
      const device = this.#found.devices.get(wan);
      const link = observed.links.find(({ name }) => name === device);
      this.#keepClient(wan, link?.up && link.carrier && this.#asks(wan) ? link.name : undefined);
    }
  }

  /** What a config, of now or to come, finds: its WANs' devices, and their leases. */
  facts(config: RouterConfig, links: readonly Link[]): Pick<IntentFacts, "devices" | "leases"> {
    const { devices } = findDevices(config.wans, links, this.#deps.driverOf);
    return { devices, leases: this.#leases };
  }

  get leases(): readonly WanLease[] {
    return [...this.#leases.values()];
  }

  get problems(): StatusReport["problems"] {
    return [...this.#found.problems, ...this.#troubles.values()];
  }

  #asks(wan: string): boolean {
    const config = this.#deps.config.wans[wan];
    return config !== undefined && config.addressing === "dhcp" && config.role !== "off";
  }

  #keepClient(wan: string, device: string | undefined): void {
    const running = this.#clients.get(wan);
    if (running?.device === device) return;
    this.#clients.delete(wan);
    void running?.stop();
    if (device === undefined) return;
    const { clock, log, startProgram } = this.#deps;
    const client = new DhcpClient({
      device,
      before: () => this.#leases.get(wan)?.address,
      onEvent: (event) => {
        if (this.#clients.get(wan) === client) this.#onEvent(wan, device, event);
      },
      clock,
      log,
      ...(startProgram !== undefined && { start: startProgram }),
    });
    this.#clients.set(wan, client);
    client.start();
  }

  #onEvent(wan: string, device: string, event: DhcpEvent): void {
    this.#troubles.delete(wan);
    switch (event.event) {
      case "bound":
      case "renew":
        this.#take(wan, device, event.offer);
        return;
      case "deconfig":
        this.#drop(wan, "lost its lease");
        return;
      case "nak":
        this.#deps.log.warn({ wan, device }, "the DHCP server refused the address of before");
        return;
      case "leasefail":
        if (!this.#leases.has(wan)) this.#troubles.set(wan, silent(wan, device));
        return;
      case "unusable":
        this.#troubles.set(wan, {
          code: "lease-unusable",
          message: `WAN ${wan} (${device}): ${event.why}`,
          remedy: null,
        });
    }
  }

  #take(wan: string, device: string, { address, prefixLength, gateway, dns, server, seconds }: Offer): void {
    const now = this.#deps.wallClock();
    const before = this.#leases.get(wan);
    this.#leases.set(wan, {
      wan,
      device,
      address,
      prefixLength,
      gateway: gateway ?? null,
      dns: [...dns],
      server: server ?? null,
      since: before?.address === address && before.device === device ? before.since : now,
      until: seconds === undefined ? null : now + seconds * 1e3,
    });
    if (before?.address !== address)
      this.#deps.log.info({ wan, device, address, gateway, server }, "new lease");
    this.#changed();
  }

  #drop(wan: string, why: string): void {
    const lease = this.#leases.get(wan);
    if (!this.#leases.delete(wan)) return;
    this.#deps.log.warn({ wan, device: lease?.device, address: lease?.address }, `the WAN ${why}`);
    this.#changed();
  }

  #dropExpired(): void {
    const now = this.#deps.wallClock();
    for (const { wan, until } of this.leases)
      if (until !== null && until <= now) this.#drop(wan, "was not given its lease again before it ran out");
  }

  #changed(): void {
    this.#file.write(this.leases);
    this.#deps.onChange();
  }
}

const silent = (wan: string, device: string): StatusReport["problems"][number] => ({
  code: "dhcp-silent",
  message: `WAN ${wan}: no DHCP server answers on ${device}`,
  remedy: `look at the modem behind ${device}; where it gives out no addresses, set \`addressing: static\``,
});
