import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Connection } from "../linux/sockets.ts";
import { TrafficClass } from "../wire/constants.ts";
import type { Session } from "./session.ts";

/** Where connections from the LAN go on. */
export interface Inlet {
  /** Whether new flows have a chance: a carrier is up, and the peer answers. */
  readonly usable: boolean;
  /** How many carriers are up, whether or not the peer answers. */
  readonly carriers: number;
  /** Flows that it has now. */
  readonly flows: number;
  /** Takes a connection over, to where it wanted to go; resets it where that can't be. */
  take(connection: Connection): void;
}

/** Connections become flows of a session. */
export class SessionInlet implements Inlet {
  readonly #session: Session;
  readonly #log: Log;

  constructor(session: Session, log: Log) {
    this.#session = session;
    this.#log = log;
  }

  get usable(): boolean {
    return this.#session.usable;
  }

  get carriers(): number {
    return this.#session.carriers.size;
  }

  get flows(): number {
    return this.#session.flows.size;
  }

  take(connection: Connection): void {
    try {
      this.#session.open(connection.local, TrafficClass.DEFAULT, connection);
    } catch (error) {
      this.#log.debug({ target: connection.local, why: messageOf(error) }, "connection not taken");
      connection.stream.on("error", () => undefined);
      connection.reset();
    }
  }
}

/** Several inlets as one: a connection goes to the one with the fewest flows. */
export class SharedInlet implements Inlet {
  readonly #inlets: readonly Inlet[];
  /** Where to look first, so that those with equally many take turns. */
  #first = 0;

  constructor(inlets: readonly Inlet[]) {
    this.#inlets = inlets;
  }

  get usable(): boolean {
    return this.#inlets.some(({ usable }) => usable);
  }

  get carriers(): number {
    return this.#inlets.reduce((sum, { carriers }) => sum + carriers, 0);
  }

  get flows(): number {
    return this.#inlets.reduce((sum, { flows }) => sum + flows, 0);
  }

  take(connection: Connection): void {
    let best: Inlet | undefined;
    for (let step = 0; step < this.#inlets.length; step++) {
      const inlet = this.#inlets[(this.#first + step) % this.#inlets.length];
      if (inlet === undefined || !inlet.usable) continue;
      if (best === undefined || inlet.flows < best.flows) best = inlet;
    }
    // None is usable: whichever it is will say no.
    best ??= this.#inlets[this.#first];
    if (best === undefined) return connection.reset();
    this.#first = (this.#inlets.indexOf(best) + 1) % this.#inlets.length;
    best.take(connection);
  }
}
