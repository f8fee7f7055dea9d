import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { SockDiag } from "../linux/sockdiag.ts";
import { formatEndpoint } from "../linux/sockets.ts";
import { deadSubflows } from "../wan/deaf.ts";
import type { Carrier } from "./carrier.ts";
import { sightOf } from "./sight.ts";

export interface DeadSubflowsOptions {
  readonly carriers: () => Iterable<Carrier>;
  readonly sockDiag: SockDiag;
  readonly clock: Clock;
  readonly log: Log;
}

const LOOK_EVERY_MS = 500;

/**
 * Ends, at the accepting side, subflows on which a peer that is heard elsewhere does not answer: the dialling side can't
 * see that what is sent to it is lost. It makes a new one when it notices (Subflows).
 */
export class DeadSubflows {
  readonly #options: DeadSubflowsOptions;
  #cancel: (() => void) | undefined;

  constructor(options: DeadSubflowsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#cancel ??= this.#options.clock.every(LOOK_EVERY_MS, () => this.#look());
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #look(): void {
    for (const carrier of this.#options.carriers()) {
      // Without flows there is nobody who would wait.
      if (carrier.transport !== "mptcp" || carrier.flows.size === 0) continue;
      const sights = (carrier.info()?.subflows ?? []).map(sightOf).filter((sight) => sight !== undefined);
      for (const { local, remote } of deadSubflows(sights)) this.#end(carrier, { local, remote });
    }
  }

  #end(carrier: Carrier, subflow: Parameters<SockDiag["destroy"]>[0]): void {
    const { sockDiag, log } = this.#options;
    const fields = { carrier: carrier.number, remote: formatEndpoint(subflow.remote) };
    try {
      log.info({ ...fields, ended: sockDiag.destroy(subflow) }, "subflow without an answer");
    } catch (error) {
      log.warn({ ...fields, why: messageOf(error) }, "subflow without an answer not ended");
    }
  }
}
