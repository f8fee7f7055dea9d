import type { StatusReport } from "../../src/api/status.ts";
import { SennitError } from "../../src/base/errors.ts";
import type { Stand } from "../stand.ts";
import { nowMs } from "./timeline.ts";

type Wan = StatusReport["wans"][number];
export type WanState = Wan["state"]["name"];

/** A WAN that came into a state, or was in it when the watch began. */
export interface Entered {
  readonly wan: string;
  readonly state: WanState;
  /** By the clock of nowMs: the router tells how old its states are, so that looking late makes no difference. */
  readonly atMs: number;
}

/** Time between looks (ms): states that last less may be missed. */
const LOOK_MS = 50;

/** Looks at the WANs of a router again and again, and notes which states they come into. */
export class WanWatch {
  readonly #stand: Stand;
  readonly #entered: Entered[] = [];
  #wans: readonly Wan[] = [];
  #stopped = false;
  #looking: Promise<void> | undefined;

  constructor(stand: Stand) {
    this.#stand = stand;
  }

  start(): void {
    this.#looking ??= this.#look();
  }

  /** Throws what a look threw. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#looking;
  }

  /** The states that WANs came into since then, those they were in excepted. */
  since(ms: number, wan?: string): readonly Entered[] {
    return this.#entered.filter((one) => one.atMs >= ms && (wan === undefined || one.wan === wan));
  }

  /** As it was at the last look. Throws `bench-load` for a WAN that there is not. */
  wan(name: string): Wan {
    const found = this.#wans.find((one) => one.name === name);
    if (found === undefined) throw new SennitError("bug", "bench-load", `no WAN ${name}`);
    return found;
  }

  /** When it came into that state, since then; undefined where it has not within so long. */
  async until(wan: string, state: WanState, sinceMs: number, limitMs: number): Promise<number | undefined> {
    for (const end = nowMs() + limitMs; nowMs() < end; await pause(LOOK_MS)) {
      const found = this.since(sinceMs, wan).find((one) => one.state === state);
      if (found !== undefined) return found.atMs;
    }
    return undefined;
  }

  async #look(): Promise<void> {
    for (; !this.#stopped; await pause(LOOK_MS)) {
      const { wans } = await this.#stand.status();
      const now = nowMs();
      for (const { name, state } of wans) {
        if (this.#wans.find((one) => one.name === name)?.state.name === state.name) continue;
        this.#entered.push({ wan: name, state: state.name, atMs: now - state.ageMs });
      }
      this.#wans = wans;
    }
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
