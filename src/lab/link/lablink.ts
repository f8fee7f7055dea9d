import { SennitError } from "../../base/errors.ts";
import { linkChange, type DirectionChange, type LinkChange, type LinkSpec } from "../topology/linkschema.ts";
import { directionsSaid, isCable, settingsOf, type BothDirections } from "../topology/linksettings.ts";
import type { DirectionCounters } from "./board.ts";
import type { DirectionSettings, DirectionState } from "./settings.ts";

/** What carries a link's frames: the emulator, or a cable of the kernel's. */
export interface Medium {
  apply(state: BothDirections<DirectionState>): Promise<void>;
  counters(): Promise<BothDirections<DirectionCounters>>;
}

/** What a fault changes, on top of what the link is. */
export interface LinkFault {
  /** Without it, both directions. */
  readonly direction?: "up" | "down" | undefined;
  readonly change: Partial<DirectionState>;
}

/** One link of a running lab: what it is (`set`), what is wrong with it (`addFault`), what it did (`counters`). */
export class LabLink {
  readonly name: string;
  readonly spec: LinkSpec;
  /** False for a plain cable, which has no rate, delay, jitter, loss or queue of its own. */
  readonly emulated: boolean;
  #said: BothDirections<DirectionChange>;
  #faults: readonly LinkFault[] = [];
  #medium: Medium | undefined;

  constructor(name: string, spec: LinkSpec) {
    this.name = name;
    this.spec = spec;
    this.emulated = !isCable(spec);
    this.#said = directionsSaid(spec);
  }

  /** To be called once, before anything else. */
  connect(medium: Medium): void {
    this.#medium = medium;
  }

  /** How the link is now, faults included. */
  get state(): BothDirections<DirectionState> {
    return { up: this.#stateOf("up"), down: this.#stateOf("down") };
  }

  /** How the link would be without faults. */
  get settings(): BothDirections<DirectionSettings> {
    return { up: settingsOf(this.#said.up), down: settingsOf(this.#said.down) };
  }

  /**
   * Makes it another link while it runs; settles when it behaves so. What is not said stays; quantities as in a
   * topology file, for both directions or under `up` and `down`. Throws `lab-cable` for a plain cable.
   */
  async set(change: LinkChange): Promise<void> {
    this.mustBeEmulated();
    const { up, down } = directionsSaid(linkChange.parse(change));
    this.#said = { up: { ...this.#said.up, ...up }, down: { ...this.#said.down, ...down } };
    await this.#apply();
  }

  /** Makes it what is said here and nothing else; without anything, what the topology says. Throws `lab-cable`. */
  async become(change?: LinkChange): Promise<void> {
    this.mustBeEmulated();
    this.#said = directionsSaid(change === undefined ? this.spec : linkChange.parse(change));
    await this.#apply();
  }

  async addFault(fault: LinkFault): Promise<void> {
    this.#faults = [...this.#faults, fault];
    await this.#apply();
  }

  async removeFault(fault: LinkFault): Promise<void> {
    this.#faults = this.#faults.filter((other) => other !== fault);
    await this.#apply();
  }

  counters(): Promise<BothDirections<DirectionCounters>> {
    return this.#connected().counters();
  }

  mustBeEmulated(): void {
    if (this.emulated) return;
    throw new SennitError("config", "lab-cable", `the link ${this.name} is a plain cable`, {
      remedy: "give it a rate or a delay in the topology, and it is emulated",
    });
  }

  #stateOf(direction: "up" | "down"): DirectionState {
    const state: DirectionState = { ...settingsOf(this.#said[direction]), open: true, carrier: true };
    const faults = this.#faults.filter((fault) => (fault.direction ?? direction) === direction);
    return Object.assign(state, ...faults.map(({ change }) => change));
  }

  #apply(): Promise<void> {
    return this.#connected().apply(this.state);
  }

  #connected(): Medium {
    if (this.#medium !== undefined) return this.#medium;
    throw new SennitError("bug", "lab-not-connected", `the link ${this.name} is not there yet`);
  }
}
