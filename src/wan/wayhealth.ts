import type { WayFigures } from "./figures.ts";
import { type Health, PathHealth } from "./health.ts";
import { Probing, type Urgency } from "./probing.ts";
import { patienceMs } from "./verdict.ts";
import type { Watched } from "./watch.ts";

/** Joins at a time over one way, and the time until the next (ms): 64 carriers come back within a second, and a small NAT survives it. */
const JOINS_A_TURN = 4;
const TURN_MS = 50;
/**
 * While a way is dead, one carrier goes on connecting over it, in case probes do not pass where connections do: as often (ms)
 * where no probe was ever answered or the last try ended at once, and elsewhere or later. Its SYN is repeated meanwhile,
 * from one port.
 */
const SCOUT_MS = 3000;
const SCOUT_RARELY_MS = 15_000;
const SCOUT_OFTEN_FOR_MS = 180_000;
/** Where everything is silent, no line can be blamed; but after so long (ms) it is to be tried anew as if it were dead. */
const HOPELESS_MS = 3000;

/** What is known of one way out: its health over TCP, by all subflows there, and over UDP, by probes. */
export class WayHealth {
  readonly tcp = new PathHealth();
  readonly probing = new Probing();
  #deadSince = -Infinity;
  /** When probes were last not known to be dead; and whether connections were heard after that: then somebody blocks UDP. */
  #mutedAt = -Infinity;
  #blind = false;
  /** Since when connections over it are in doubt, or dead. */
  #urgentSince = -Infinity;
  #openedAt = -Infinity;
  #scoutedAt = -Infinity;
  /** The last such try is over, without success. */
  #scoutFailed = false;
  #turnAt = -Infinity;
  #taken = 0;

  /** Over TCP, that is; where that is silent, probes may raise doubts. */
  get state(): Health {
    const { state } = this.tcp;
    const { health } = this.probing;
    if (state === "unknown") return health.state;
    const doubted = !this.#blind && health.state === "dead" && health.gone(this.tcp.heardAt);
    return state === "up" && doubted ? "suspect" : state;
  }

  /** What a supervisor is to know of it (ms). */
  figures(now: number): WayFigures {
    const { probing } = this;
    const heardAt = Math.max(this.tcp.heardAt, probing.health.heardAt);
    return {
      health: this.state,
      tcp: this.tcp.state,
      probes: this.#blind ? "unknown" : probing.health.state,
      heardMs: heardAt === -Infinity ? null : now - heardAt,
      unanswered: probing.trials,
      loss: probing.line.counted,
      rttMs: probing.line.rttMs ?? null,
      jitterMs: probing.line.jitterMs ?? null,
    };
  }

  /** Whether carriers may connect over it: nothing says that it is dead, or something says that it is alive again. */
  get open(): boolean {
    const { health } = this.probing;
    return this.tcp.state !== "dead" || (health.state !== "dead" && !this.tcp.gone(health.heardAt));
  }

  /** When it became open last, having been dead (ms). */
  get openedAt(): number {
    return this.#openedAt;
  }

  /** The other end does not hear of what it sends over it. */
  doubt(now: number): void {
    this.#change(now, () => this.tcp.suspected(now));
  }

  /** What subflows there tell. */
  observe(now: number, { subflow, judgement, heardAt, patienceMs: waitMs }: Watched): void {
    if (!subflow.established) return;
    this.#change(now, () => {
      this.tcp.heard(heardAt);
      const { health, line } = this.probing;
      if (health.state === "dead" && heardAt > this.#mutedAt + patienceMs(line)) this.#blind = true;
      if (judgement !== "well") this.tcp.suspected(now);
      const hopeless = judgement === "suspect" && now - heardAt >= HOPELESS_MS;
      if (judgement === "dead" || hopeless) this.tcp.lost(now, waitMs);
    });
  }

  /** Whether nothing has been heard over it of late, by neither, though it was asked. */
  get silent(): boolean {
    return this.tcp.state === "dead" ? !this.open : this.state === "suspect" || this.state === "dead";
  }

  /** The number of the probe to send, if one is due: to be asked until none is. */
  probe(now: number): number | undefined {
    let number: number | undefined;
    this.#change(now, () => {
      const since = Math.max(this.#deadSince, this.#urgentSince);
      number = this.probing.due(now, this.#urgency, since);
      if (this.probing.health.state !== "dead") this.#mutedAt = now;
      // Bytes and probes, both unanswered.
      if (this.tcp.state === "suspect" && this.probing.health.state === "dead")
        this.tcp.lost(now, patienceMs(this.probing.line));
    });
    return number;
  }

  /** False for an answer that was not waited for. True otherwise, and see whether that opened it. */
  answered(now: number, number: number): boolean {
    let known = false;
    this.#change(now, () => {
      known = this.probing.answered(now, number);
      if (known) this.#blind = false;
    });
    return known;
  }

  /** Whether a carrier may connect now: while it is open, in turn; else one carrier at a time, rarely. */
  mayJoin(now: number): boolean {
    if (!this.open) {
      const often = this.#scoutFailed || !this.probing.proven;
      const pause = often && now - this.#deadSince < SCOUT_OFTEN_FOR_MS ? SCOUT_MS : SCOUT_RARELY_MS;
      if (now - this.#scoutedAt < pause) return false;
      this.#scoutedAt = now;
      this.#scoutFailed = false;
      return true;
    }
    if (now - this.#turnAt >= TURN_MS) {
      this.#turnAt = now;
      this.#taken = 0;
    }
    return this.#taken++ < JOINS_A_TURN;
  }

  /**
   * A carrier that connected at `since` (ms) does so no longer, and to no avail: refused, or ended by the kernel of this
   * host because the gateway answers no ARP. Where that was the scout, nobody waits for the way any more.
   */
  joinFailed(since: number): void {
    if (since === this.#scoutedAt) this.#scoutFailed = true;
  }

  get #urgency(): Urgency {
    const { state } = this.tcp;
    return state === "dead" || state === "suspect" ? state : "idle";
  }

  #change(now: number, act: () => void): void {
    const { open } = this;
    const wasCalm = this.#urgency === "idle";
    act();
    if (wasCalm && this.#urgency !== "idle") this.#urgentSince = now;
    if (open && !this.open) this.#deadSince = now;
    if (!open && this.open) this.#openedAt = now;
  }
}
