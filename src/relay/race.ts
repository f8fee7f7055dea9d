import type { Clock } from "../base/clock.ts";
import { SennitError } from "../base/errors.ts";
import type { Endpoint } from "../linux/sockets.ts";
import { knockEveryMs } from "../wan/cadence.ts";
import type { Way } from "../wan/subflows.ts";
import { Track, type Try } from "./track.ts";

/** One way to one of the server's addresses. */
export interface Runner {
  readonly way: Way;
  readonly remote: Endpoint;
}

/** How one attempt is to be made. */
export interface Start extends Try {
  /** Fires when another has won, or nobody is to. */
  readonly signal: AbortSignal;
  /** To be called when the other end has answered for the first time. */
  readonly onAnswered: () => void;
  /** To be called when it is through, first of all: that ends the others. */
  readonly onWon: () => void;
}

export interface RaceOptions {
  readonly clock: Clock;
  /** Who may run, the most promising first. Asked again and again: ways come and go meanwhile. */
  readonly runners: () => readonly Runner[];
  /** Rejects when it came to nothing. */
  readonly attempt: (runner: Runner, start: Start) => Promise<void>;
  readonly onFailure: (runner: Runner, error: Error, start: Start) => void;
  /** Another has won, or nobody is to; `inVain` where this one was given its moment and nobody answered. */
  readonly onOvertaken: (runner: Runner, start: Start, inVain: boolean) => void;
}

interface Running {
  readonly runner: Runner;
  readonly start: Start;
  readonly startedAt: number;
  readonly abort: AbortController;
  answered: boolean;
}

/**
 * The next one is tried as well when the one before has not answered for so long (ms): RFC 8305 section 5 recommends 250
 * and allows 100 to 2000. A WAN that swallows SYNs costs no more than this.
 */
const STAGGER_MS = 200;
/** Who answered has so many times the time that this took, for TLS and HELLO, before others are tried. */
const HANDSHAKE_SHARE = 3;
/** A way that is only slow has answered by then (ms): the first retransmission timeout of RFC 6298 section 2. */
const UNANSWERED_MS = 1000;
/** Looks at what is due, between two tries of a way. */
const STEPS = 10;
/** Whatever gives hope may do so many times a second; once in so long (ms) is as good. */
const HURRY_EVERY_MS = 50;

/**
 * Happy eyeballs (RFC 8305) over WANs and over the server's addresses: the most promising first, the next one when there
 * is no answer for a moment, and who is through first has won; the others are given up. While nobody answers, fresh
 * attempts go out over every way again and again, so that one that is back is found at once.
 */
export class Race {
  readonly #options: RaceOptions;
  #over = false;
  readonly #tracks = new Map<string, Track>();
  readonly #running = new Set<Running>();
  #silentSince: number;
  /** Those that were not tried yet wait until then (ms) for the one before. */
  #nextFirstAt = 0;
  /** All wait until then (ms) for one that has answered. */
  #answeredUntil = 0;
  #hurriedAt = -Infinity;
  #cancel: (() => void) | undefined;
  readonly #finished = Promise.withResolvers<void>();

  constructor(options: RaceOptions) {
    this.#options = options;
    this.#silentSince = options.clock.now();
  }

  /** Resolves when somebody has won, or `stop` was called. */
  run(): Promise<void> {
    this.#step();
    return this.#finished.promise;
  }

  /** Ends all attempts. */
  stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancel?.();
    const now = this.#options.clock.now();
    for (const { runner, start, startedAt, answered, abort } of this.#running) {
      abort.abort(new SennitError("network", "aborted", "no longer wanted"));
      this.#options.onOvertaken(runner, start, !answered && now - startedAt >= STAGGER_MS);
    }
    this.#running.clear();
    this.#finished.resolve();
  }

  /** There is hope for this way, or for all: tried now, and as often as at first. */
  hurry(way?: string): void {
    const now = this.#options.clock.now();
    if (now - this.#hurriedAt < HURRY_EVERY_MS) return;
    this.#hurriedAt = this.#silentSince = now;
    this.#nextFirstAt = this.#answeredUntil = 0;
    for (const track of this.#tracks.values()) {
      // One that has only just begun is hurry enough.
      const isYoung = now - track.lastAt < STAGGER_MS;
      if (!isYoung && (way === undefined || track.way === way)) track.hurry();
    }
    this.#step();
  }

  #step(): void {
    if (this.#over) return;
    const { clock, runners: ask } = this.#options;
    this.#cancel?.();
    const now = clock.now();
    const everyMs = knockEveryMs(now - this.#silentSince);
    const runners = ask();
    this.#forget(runners);
    for (const way of new Set(runners.map((runner) => runner.way))) this.#knock(way, runners, now, everyMs);
    const fresh = runners.find((runner) => this.#trackOf(runner).firstAt === undefined);
    if (fresh !== undefined && now >= Math.max(this.#nextFirstAt, this.#answeredUntil)) {
      this.#nextFirstAt = now + STAGGER_MS;
      this.#start(fresh, now);
    }
    this.#cancel = clock.after(everyMs / STEPS, () => this.#step());
  }

  /** Over a way that was tried without an answer: once more, to the address that has waited longest. */
  #knock(way: Way, runners: readonly Runner[], now: number, everyMs: number): void {
    const mine = runners.filter(
      (runner) => runner.way === way && this.#trackOf(runner).firstAt !== undefined,
    );
    const tracks = mine.map((runner) => this.#trackOf(runner));
    const lastAt = Math.max(...tracks.map((track) => track.lastAt));
    if (now < this.#answeredUntil || now - lastAt < everyMs) return;
    for (const { runner, answered } of this.#running) if (answered && runner.way === way) return;
    const [next] = mine
      .filter((runner) => this.#trackOf(runner).isDue(now, UNANSWERED_MS))
      .sort((a, b) => this.#trackOf(a).lastAt - this.#trackOf(b).lastAt);
    if (next !== undefined) this.#start(next, now);
  }

  #start(runner: Runner, now: number): void {
    const { attempt, clock, onFailure } = this.#options;
    const track = this.#trackOf(runner);
    const abort = new AbortController();
    const start: Start = {
      ...track.begin(now),
      signal: abort.signal,
      onAnswered: () => {
        running.answered = true;
        const tookMs = clock.now() - now;
        this.#answeredUntil = clock.now() + Math.max(STAGGER_MS, HANDSHAKE_SHARE * tookMs);
      },
      onWon: () => {
        this.#running.delete(running);
        this.stop();
      },
    };
    const running: Running = { runner, start, startedAt: now, abort, answered: false };
    this.#running.add(running);
    attempt(runner, start).catch((error: Error) => {
      if (!this.#running.delete(running)) return;
      track.failed(start, clock.now(), running.answered, error);
      onFailure(runner, error, start);
      if (running.answered) this.#answeredUntil = 0;
      this.#nextFirstAt = 0;
      this.#step();
    });
  }

  #trackOf({ way, remote }: Runner): Track {
    const key = keyOf(way, remote);
    const known = this.#tracks.get(key) ?? new Track(way.name);
    this.#tracks.set(key, known);
    return known;
  }

  #forget(runners: readonly Runner[]): void {
    const present = new Set(runners.map(({ way, remote }) => keyOf(way, remote)));
    for (const key of this.#tracks.keys()) if (!present.has(key)) this.#tracks.delete(key);
  }
}

const keyOf = ({ name, localAddress, device }: Way, remote: Endpoint): string =>
  [name, localAddress, device, remote.address, remote.port].join(" ");
