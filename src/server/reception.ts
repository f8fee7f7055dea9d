import type { Clock } from "../base/clock.ts";
import { SennitError } from "../base/errors.ts";
import type { Connection } from "../linux/sockets.ts";
import { malformed } from "../wire/bytes.ts";
import { sessionKey } from "../relay/acceptor.ts";
import type { Admission, KnownRouter } from "../relay/admission.ts";
import { acceptHandshake, readHello } from "../relay/handshake.ts";
import { peekFrame } from "../relay/peek.ts";
import { securedBy, type Secured } from "../relay/tls.ts";
import type { TlsState } from "../relay/tlschannel.ts";

/** A carrier on its way to the shard that its session lives in: TLS is done, HELLO was admitted and is still in `tls.early`. */
export interface Arrival {
  readonly router: KnownRouter;
  /** Its session, by `sessionKey`. */
  readonly session: string;
  readonly exporter: Buffer;
  readonly tls: TlsState;
}

/** A shard that carriers are handed to. */
export interface ArrivalShard {
  /** Throws `network` where the connection is gone. */
  take(connection: Connection, arrival: Arrival): void;
}

/** A session, and where it lives. */
interface Home {
  readonly router: string;
  readonly shard: number;
  /** The last carrier that was handed there for it: how many the shard had been handed with that. */
  readonly last: number;
}

export interface ReceptionOptions {
  readonly shards: readonly ArrivalShard[];
  readonly admission: Pick<Admission, "admit">;
  readonly clock: Clock;
}

/**
 * Brings each carrier to the shard where its session lives, and each new session to one with few. Who is admitted is
 * decided here, so that an invitation lets one router in however many shards there are.
 */
export class Reception {
  readonly #options: ReceptionOptions;
  readonly #homes = new Map<string, Home>();
  /** Carriers that each shard was handed. */
  readonly #handed: number[];

  constructor(options: ReceptionOptions) {
    this.#options = options;
    this.#handed = options.shards.map(() => 0);
  }

  /** Hears HELLO, and hands the connection on. Rejects, with the connection closed, where it is turned away. */
  async receive(connection: Connection, secured: Secured, signal: AbortSignal): Promise<void> {
    const { exporter, state } = secured;
    if (state === undefined) throw new SennitError("bug", "tls-stays", "this TLS can't go to another thread");
    const { frame, early } = await peekFrame(connection, state, signal);
    const tls = { ...state, early };
    try {
      if (frame === undefined) throw malformed("malformed", "the first frame is not HELLO");
      const { hello } = readHello(frame, exporter);
      const router = this.#options.admission.admit(hello);
      const session = sessionKey(router, hello);
      this.#hand(connection, { router, session, exporter, tls });
    } catch (error) {
      await this.#turnAway(connection, securedBy(connection, exporter, tls), signal, error);
    }
  }

  /**
   * A shard has nothing of a session, after as many carriers as `taken`; one that was handed to it since will begin it
   * anew.
   */
  vacated(shard: number, session: string, taken: number): void {
    const home = this.#homes.get(session);
    if (home?.shard === shard && home.last <= taken) this.#homes.delete(session);
  }

  #hand(connection: Connection, arrival: Arrival): void {
    const router = arrival.router.id;
    const shard = this.#homes.get(arrival.session)?.shard ?? this.#choose(router);
    this.#options.shards[shard]?.take(connection, arrival);
    const last = (this.#handed[shard] ?? 0) + 1;
    this.#handed[shard] = last;
    this.#homes.set(arrival.session, { router, shard, last });
  }

  /** Where fewest sessions of the same router are, whose load is divided over them; of these, where fewest are at all. */
  #choose(router: string): number {
    const counts = this.#handed.map((_, shard) => ({ shard, same: 0, all: 0 }));
    for (const home of this.#homes.values()) {
      const count = counts[home.shard];
      if (count === undefined) continue;
      count.all++;
      if (home.router === router) count.same++;
    }
    counts.sort((a, b) => a.same - b.same || a.all - b.all);
    return counts[0]?.shard ?? 0;
  }

  /** Answers what HELLO, or what came in its place, deserves. Always rejects. */
  #turnAway(connection: Connection, secured: Secured, signal: AbortSignal, why: unknown): Promise<void> {
    return acceptHandshake(connection, secured, {
      transport: "mptcp",
      clock: this.#options.clock,
      signal,
      judge: () => {
        throw why;
      },
      adopt: () => undefined,
    });
  }
}
