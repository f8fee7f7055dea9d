import { SennitError } from "../../base/errors.ts";
import { exec, inNamespace, type Exec } from "../../linux/exec.ts";
import { netnsPath } from "../../linux/netns.ts";
import { createSysctl } from "../../linux/sysctl.ts";
import type { AddressRange } from "../topology/addresses.ts";
import type { HostSpec } from "../topology/schema.ts";
import { DhcpServer } from "./dhcpserver.ts";
import { NatBox } from "./natbox.ts";
import {
  deviceLines,
  holeRules,
  readdressLines,
  renumberLines,
  routeLines,
  stripRules,
  natSysctlsOf,
  sysctlsOf,
} from "./render.ts";

/** One host of a running lab: a network namespace and the tools run in it. */
export class LabHost {
  readonly name: string;
  readonly spec: HostSpec;
  /** Path of the network namespace. */
  readonly netns: string;
  readonly exec: Exec;
  /** Of NAT boxes only. */
  readonly nat: NatBox | undefined;
  /** Of hosts that give out addresses only. */
  readonly dhcp: DhcpServer | undefined;
  /** Devices behind which is a black hole. */
  readonly #holes = new Set<string>();
  /** Interfaces whose subnet is not the one of the topology. */
  readonly #renumbered = new Map<string, AddressRange>();
  /** Interfaces whose address is not the one of the topology. */
  readonly #readdressed = new Map<string, string>();

  constructor(name: string, spec: HostSpec, namespace: string) {
    this.name = name;
    this.spec = spec;
    this.netns = netnsPath(namespace);
    this.exec = inNamespace(exec, this.netns);
    this.nat = spec.nat === undefined ? undefined : new NatBox(spec.nat, this.exec, this.netns);
    this.dhcp = spec.dhcp === undefined ? undefined : new DhcpServer(spec.dhcp, this.netns);
  }

  /** To be called before there are devices. */
  prepare(): void {
    this.#set(sysctlsOf(this.spec));
  }

  /** Addresses, routes, address translation. */
  async configure(): Promise<void> {
    await this.#ip(deviceLines(this.spec));
    await this.restartNat();
    if (this.nat !== undefined) this.#set(natSysctlsOf(this.nat.spec));
    await this.#restartDhcp();
  }

  /** All mappings are gone, as after a reboot, and it is a NAT of the kind that was asked for last. */
  async restartNat(): Promise<void> {
    if (this.nat !== undefined) await this.nat.restart(this.#outsideAddress(this.nat.spec.outside));
  }

  async stripMptcp(on: boolean): Promise<void> {
    await this.#nft(stripRules(on));
  }

  /** Everything that arrives at `device` vanishes, until it is switched off again. */
  async blackhole(device: string, on: boolean): Promise<void> {
    if (on) this.#holes.add(device);
    else this.#holes.delete(device);
    await this.#nft(holeRules([...this.#holes]));
  }

  /** Switches a device off, or on with the routes it had. */
  async switchDevice(device: string, on: boolean): Promise<void> {
    await this.#ip(`link set dev ${device} ${on ? "up" : "down"}\n`);
    if (on) await this.#ip(routeLines(this.spec, device));
  }

  /** The IPv4 subnet of an interface with one address. Throws `lab-no-address` where it has none, or many. */
  subnetOf(device: string): AddressRange {
    const renumbered = this.#renumbered.get(device);
    if (renumbered !== undefined) return renumbered;
    const ranges = (this.spec.interfaces[device] ?? []).filter(({ family }) => family === 4);
    const [range] = ranges;
    if (range !== undefined && ranges.length === 1 && range.count === 1) return range;
    const what = `${this.name}:${device} has not exactly one IPv4 address to change`;
    throw new SennitError("config", "lab-no-address", what);
  }

  /** The IPv4 address of `device` as it is now. */
  addressOf(device: string): string {
    return this.#readdressed.get(device) ?? this.subnetOf(device).first;
  }

  /**
   * Takes the IPv4 address of `device` away and gives it another of the same subnet; without `to`, its own again. A NAT
   * starts anew: a mapping made for the old address would go on using it.
   */
  async readdress(device: string, to = this.subnetOf(device).first): Promise<void> {
    const from = this.addressOf(device);
    if (from === to) return;
    await this.#ip(readdressLines(this.spec, device, this.subnetOf(device), from, to));
    this.#readdressed.set(device, to);
    await this.restartNat();
  }

  /**
   * Another subnet and address for `device`, or without `to` its own again; who gets addresses there is told by the DHCP
   * server when it asks. A NAT starts anew.
   */
  async renumber(device: string, to?: AddressRange): Promise<void> {
    const from = this.subnetOf(device);
    this.#renumbered.delete(device);
    const next = to ?? this.subnetOf(device);
    if (to !== undefined) this.#renumbered.set(device, to);
    await this.#ip(renumberLines(device, from, next));
    await this.restartNat();
    await this.#restartDhcp();
  }

  async #restartDhcp(): Promise<void> {
    await this.dhcp?.restart(this.subnetOf(this.dhcp.spec.interface));
  }

  /** The first IPv4 address of an interface that may have several. */
  #outsideAddress(device: string): string {
    const first = (this.spec.interfaces[device] ?? []).find(({ family }) => family === 4)?.first;
    return this.#readdressed.get(device) ?? first ?? "";
  }

  #set(sysctls: Readonly<Record<string, string>>): void {
    const sysctl = createSysctl(this.netns);
    for (const [key, value] of Object.entries(sysctls)) sysctl.set(key, value);
  }

  async #ip(lines: string): Promise<void> {
    await this.exec(["ip", "-batch", "-"], { input: lines });
  }

  async #nft(rules: string): Promise<void> {
    await this.exec(["nft", "-f", "-"], { input: rules });
  }
}
