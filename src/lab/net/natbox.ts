import type { Exec } from "../../linux/exec.ts";
import { createSysctl } from "../../linux/sysctl.ts";
import { natKindOf, type NatKind, type NatSpec } from "../topology/natschema.ts";
import { natRules } from "./nat.ts";

/** What a fault changes of a NAT, on top of what it is. */
export type NatFault = Partial<NatKind>;

/** The address translation of one host of a running lab. */
export class NatBox {
  readonly spec: NatSpec;
  readonly #exec: Exec;
  readonly #netns: string;
  #faults: readonly NatFault[] = [];
  #generation = 0;

  constructor(spec: NatSpec, exec: Exec, netns: string) {
    this.spec = spec;
    this.#exec = exec;
    this.#netns = netns;
  }

  /** What kind it is now, faults included; undefined for Linux's own. */
  get kind(): NatKind | undefined {
    return natKindOf(Object.assign({ ...this.spec }, ...this.#faults));
  }

  /** Connections that it holds now. */
  get entries(): number {
    return Number(createSysctl(this.#netns).get("net/netfilter/nf_conntrack_count") ?? 0);
  }

  /** Starts anew with this outside address: all mappings are gone, as after a reboot. */
  async restart(address: string): Promise<void> {
    const { spec, kind } = this;
    const rules = natRules({ spec, kind, address, generation: this.#generation++ });
    await this.#exec(["nft", "-f", "-"], { input: rules });
    await this.#exec(["conntrack", "-F"]);
  }

  /** From its next start on. */
  addFault(fault: NatFault): void {
    this.#faults = [...this.#faults, fault];
  }

  /** From its next start on. */
  removeFault(fault: NatFault): void {
    this.#faults = this.#faults.filter((other) => other !== fault);
  }
}
