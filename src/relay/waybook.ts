import type { Endpoint } from "../linux/sockets.ts";
import type { Way } from "../wan/subflows.ts";
import type { Runner } from "./race.ts";

/**
 * Ways that carriers use together: all where Multipath TCP passes, or one by itself. A carrier has one entry in the NATs
 * of each way of its group.
 */
export interface WayGroup {
  readonly ways: readonly Way[];
  /** The name of the way that stands alone; undefined where Multipath TCP passes. */
  readonly alone: string | undefined;
}

/** A way on which nobody answered is tried last for so long (ms). */
const SHUNNED_MS = 30_000;

/** What is known of the ways out: where Multipath TCP passes, and where somebody answers. Times are ms of one clock. */
export class WayBook {
  #ways: readonly Way[] = [];
  #groups: readonly WayGroup[] = [];
  /** Where Multipath TCP was taken out the last time. */
  readonly #stripped = new Set<string>();
  readonly #unansweredAt = new Map<string, number>();

  get ways(): readonly Way[] {
    return this.#ways;
  }

  /** Alone stand those that only plain connections can go: by their device, or because something takes MPTCP out. */
  get groups(): readonly WayGroup[] {
    return this.#groups;
  }

  /** Groups that are to carry: those of backup ways only where there is no other. */
  get carrying(): readonly WayGroup[] {
    const active = this.#groups.filter(({ ways }) => ways.some(({ backup }) => !backup));
    return active.length > 0 ? active : this.#groups;
  }

  update(ways: readonly Way[]): void {
    this.#ways = ways;
    for (const known of [this.#stripped, this.#unansweredAt]) {
      for (const name of known.keys()) if (!ways.some((way) => way.name === name)) known.delete(name);
    }
    this.#regroup();
  }

  /** Whether Multipath TCP passed there just now. */
  learn(way: string, passes: boolean): void {
    if (passes) this.#stripped.delete(way);
    else this.#stripped.add(way);
    this.#regroup();
  }

  isStripped(way: string): boolean {
    return this.#stripped.has(way);
  }

  /** Somebody answered there, or nobody did. */
  answered(way: string): void {
    this.#unansweredAt.delete(way);
  }

  unanswered(way: string, now: number): void {
    this.#unansweredAt.set(way, now);
  }

  /** Every way to every address of the server, the most promising first, and each way's first before any way's second. */
  runners(
    now: number,
    ways: readonly Way[],
    best: string | undefined,
    remotesFrom: (localAddress: string) => readonly Endpoint[],
  ): readonly Runner[] {
    const rank = ({ name, backup }: Way): number => {
      const shunned = now - (this.#unansweredAt.get(name) ?? -Infinity) < SHUNNED_MS;
      return (shunned ? 4 : 0) + (backup ? 2 : 0) + (name === best ? 0 : 1);
    };
    return ways
      .flatMap((way) => remotesFrom(way.localAddress).map((remote, turn) => ({ way, remote, turn })))
      .sort((a, b) => a.turn - b.turn || rank(a.way) - rank(b.way));
  }

  #regroup(): void {
    const isAlone = ({ name, device }: Way): boolean => device !== undefined || this.#stripped.has(name);
    const together = this.#ways.filter((way) => !isAlone(way));
    const apart = this.#ways.filter(isAlone);
    this.#groups = [
      ...(together.length === 0 ? [] : [{ ways: together, alone: undefined }]),
      ...[...new Set(apart.map(({ name }) => name))].map((alone) => ({
        ways: apart.filter(({ name }) => name === alone),
        alone,
      })),
    ];
  }
}
