import { isIPv4 } from "node:net";
import type { z } from "zod";
import { SennitError } from "../../base/errors.ts";
import { listed } from "../../config/problems.ts";
import type { LabLink, LinkFault } from "../link/lablink.ts";
import type { RateTrace } from "../link/ratetrace.ts";
import type { LabHost } from "../net/host.ts";
import type { NatFault } from "../net/natbox.ts";
import { addressesOf, contains, nth, parseRange, type AddressRange } from "../topology/addresses.ts";
import { linkChange, type DirectionChange } from "../topology/linkschema.ts";
import { natKind, type NatKind } from "../topology/natschema.ts";
import { rateSettings } from "../topology/linksettings.ts";
import { hostKind } from "../topology/topology.ts";
import { FAULTS, wrong, type FaultKind, type FaultName } from "./kinds.ts";

/** A fault that is there now. */
export interface ActiveFault {
  readonly fault: FaultName;
  readonly target: string;
  readonly value: string | undefined;
}

interface Entry extends ActiveFault {
  readonly undo: () => Promise<void>;
}

type Undo = Entry["undo"];

/** Of a subnet that holds what a DHCP server gives out. */
const MAX_PREFIX = 24;

/** Neighbouring addresses tried when a changed address is not given. */
const CANDIDATES = 64;

/** What is wrong in a running lab. One fault of a kind per target: the same again takes the place of the first. */
export class Faults {
  readonly #hosts: ReadonlyMap<string, LabHost>;
  readonly #links: ReadonlyMap<string, LabLink>;
  #entries: readonly Entry[] = [];
  /** Changes of address so far: each goes to an address that the last one did not have. */
  #changes = 0;

  constructor(hosts: ReadonlyMap<string, LabHost>, links: ReadonlyMap<string, LabLink>) {
    this.#hosts = hosts;
    this.#links = links;
  }

  get active(): readonly ActiveFault[] {
    return this.#entries.map(({ fault, target, value }) => ({ fault, target, value }));
  }

  /** Makes it go wrong; settles when it does. Throws `lab-bad-fault` with what is allowed instead. */
  async apply(fault: FaultName, target: string, value?: string): Promise<void> {
    const act = this.#prepare(fault, target, value);
    await this.heal(fault, target);
    const undo = await act();
    if (undo !== undefined) this.#entries = [...this.#entries, { fault, target, value, undo }];
  }

  /** Takes back all faults, those of one kind, or the one; returns what was healed. */
  async heal(fault?: FaultName, target?: string): Promise<readonly ActiveFault[]> {
    const chosen = this.#entries.filter(
      (entry) => (fault ?? entry.fault) === entry.fault && (target ?? entry.target) === entry.target,
    );
    // Newest first, as each may lie on top of another.
    for (const entry of chosen.toReversed()) {
      await entry.undo();
      this.#entries = this.#entries.filter((other) => other !== entry);
    }
    return chosen.map(({ fault, target, value }) => ({ fault, target, value }));
  }

  /** Checks everything first, so that a refused fault changes nothing. */
  #prepare(fault: FaultName, target: string, value: string | undefined): () => Promise<Undo | undefined> {
    const kind: FaultKind = FAULTS[fault];
    if (kind.value === undefined && value !== undefined)
      throw wrong(`the value "${value}"`, `no value for ${fault}`);
    if (kind.setting !== undefined) return this.#onDirection(target, linkFault(kind.setting, fault, value));
    if (kind.behavior !== undefined)
      return this.#onNat(this.#host(target, ["nat"]), natFault(kind.behavior, value));
    return this.#prepareOther(fault, target, value);
  }

  #prepareOther(
    fault: FaultName,
    target: string,
    value: string | undefined,
  ): () => Promise<Undo | undefined> {
    switch (fault) {
      case "down":
        return this.#onLink(this.#link(target), { change: { carrier: false } });
      case "blackhole":
        return this.#onDirection(target, { open: false });
      case "strip-mptcp":
        return this.#strip(this.#host(target, ["router", "nat"]));
      case "nat-reboot":
        return this.#reboot(this.#host(target, ["nat"]));
      case "public-address": {
        const host = this.#host(target, ["nat"]);
        return this.#readdress(host, host.spec.nat?.outside ?? "", value);
      }
      case "wan-address": {
        const [name = "", device = ""] = target.split(":");
        const host = this.#host(name);
        if (host.spec.interfaces[device] === undefined)
          throw wrong(
            `"${target}"`,
            listed(Object.keys(host.spec.interfaces).map((known) => `${name}:${known}`)),
          );
        return this.#readdress(host, device, value);
      }
      case "renumber":
        return this.#renumber(target, value);
      default:
        throw new SennitError("bug", "lab-fault-unknown", `nobody knows how to make ${fault}`);
    }
  }

  #link(name: string): LabLink {
    const link = this.#links.get(name);
    if (link === undefined) throw wrong(`the link "${name}"`, listed([...this.#links.keys()]));
    return link;
  }

  #host(name: string, kinds?: readonly string[]): LabHost {
    const host = this.#hosts.get(name);
    if (host !== undefined && (kinds?.includes(hostKind(host.spec)) ?? true)) return host;
    const fitting = [...this.#hosts.values()].filter(({ spec }) => kinds?.includes(hostKind(spec)) ?? true);
    throw wrong(`the host "${name}"`, listed(fitting.map((known) => known.name)));
  }

  #onDirection(target: string, change: LinkFault["change"]): () => Promise<Undo> {
    const [name = "", direction, ...rest] = target.split(":");
    const link = this.#link(name);
    if (rest.length > 0 || (direction !== undefined && direction !== "up" && direction !== "down"))
      throw wrong(`"${target}"`, `${name}, ${name}:up or ${name}:down`);
    if (change.open === undefined) link.mustBeEmulated();
    return this.#onLink(link, { direction, change });
  }

  #onLink(link: LabLink, fault: LinkFault): () => Promise<Undo> {
    return async () => {
      await link.addFault(fault);
      return () => link.removeFault(fault);
    };
  }

  #onNat(host: LabHost, fault: NatFault): () => Promise<Undo> {
    return async () => {
      host.nat?.addFault(fault);
      await host.restartNat();
      return async () => {
        host.nat?.removeFault(fault);
        await host.restartNat();
      };
    };
  }

  #strip(host: LabHost): () => Promise<Undo> {
    return async () => {
      await host.stripMptcp(true);
      return () => host.stripMptcp(false);
    };
  }

  #reboot(host: LabHost): () => Promise<undefined> {
    return async () => {
      await host.restartNat();
      return undefined;
    };
  }

  /** As a modem does that restarts: the carrier goes, and comes back with another DHCP server behind it. */
  #renumber(target: string, value: string | undefined): () => Promise<Undo> {
    const [name = "", device = ""] = target.split(":");
    const serving = [...this.#hosts.values()].filter(({ dhcp }) => dhcp !== undefined);
    const host = serving.find((one) => one.name === name && one.dhcp?.spec.interface === device);
    const link = [...this.#links.values()].find(({ spec }) =>
      spec.ends.some((end) => end.host === name && end.device === device),
    );
    if (host === undefined || link === undefined)
      throw wrong(
        `"${target}"`,
        listed(serving.map((known) => `${known.name}:${known.dhcp?.spec.interface}`)),
      );
    const to = parseRange(value ?? `10.213.${this.#changes++ % 256}.1/24`);
    if (to?.family !== 4 || to.count !== 1 || to.prefixLength > MAX_PREFIX)
      throw wrong(`"${value}"`, 'an address with its prefix such as "10.213.0.1/24"');
    const out: LinkFault = { change: { carrier: false } };
    const renumber = async (range?: AddressRange): Promise<void> => {
      await link.addFault(out);
      await host.renumber(device, range);
      await link.removeFault(out);
    };
    return async () => {
      await renumber(to);
      return () => renumber();
    };
  }

  #readdress(host: LabHost, device: string, value: string | undefined): () => Promise<Undo> {
    const address = value ?? this.#freshAddress(host, device);
    if (!isIPv4(address) || !contains(host.subnetOf(device), address)) {
      const { first, prefixLength } = host.subnetOf(device);
      throw wrong(`the address "${address}"`, `one of the subnet of ${first}/${prefixLength}`);
    }
    return async () => {
      await host.readdress(device, address);
      return () => host.readdress(device);
    };
  }

  /** An address of the subnet that nobody in the lab has, and another at every change. */
  #freshAddress(host: LabHost, device: string): string {
    const subnet = host.subnetOf(device);
    const taken = new Set(
      [...this.#hosts.values()].flatMap(({ spec }) =>
        Object.values(spec.interfaces).flat().flatMap(addressesOf),
      ),
    );
    const free = Array.from({ length: CANDIDATES }, (_, index) => nth(subnet, index + 1)).filter(
      // Not the last of the subnet, which is its broadcast address.
      (address, index) =>
        !taken.has(address) && contains(subnet, address) && contains(subnet, nth(subnet, index + 2)),
    );
    const fresh = free[this.#changes++ % free.length];
    if (fresh !== undefined) return fresh;
    throw wrong("no address", `a free one in the subnet of ${host.name}:${device}`);
  }
}

/** What changes of a link, the value in the words of a topology file. */
function linkFault(
  setting: keyof DirectionChange,
  fault: FaultName,
  value: string | undefined,
): LinkFault["change"] {
  const text = fault === "rate-trace" && value !== undefined ? `trace ${value}` : value;
  const kind: FaultKind = FAULTS[fault];
  // A fault without a value is there or not.
  const change = parsed(linkChange.shape[setting].unwrap(), kind.value === undefined ? true : text);
  return setting === "rate" ? rateSettings(change as number | RateTrace) : { [setting]: change };
}

function natFault(behavior: keyof NatKind, value: string | undefined): NatFault {
  const bool = value === "true" ? true : value === "false" ? false : value;
  return { [behavior]: parsed(natKind.shape[behavior], bool) };
}

function parsed(schema: z.ZodType, value: string | boolean | undefined): unknown {
  const result = schema.safeParse(value);
  if (result.success && value !== undefined) return result.data;
  const { allowed } = schema.meta() as { allowed: string };
  throw wrong(value === undefined ? "no value" : `"${value}"`, allowed);
}
