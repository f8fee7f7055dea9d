import type { KeyObject } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import { SennitError } from "../base/errors.ts";
import type { Sockets, Transport } from "../linux/sockets.ts";
import type { Invite, Welcome } from "../wire/hello.ts";
import type { Carrier } from "./carrier.ts";
import { dialHandshake } from "./handshake.ts";
import type { Runner, Start } from "./race.ts";

export interface DiallerOptions {
  readonly sockets: Sockets;
  readonly privateKey: KeyObject;
  readonly invite: Invite | undefined;
  /** Pin of the server's key. */
  readonly pin: Buffer;
  /** Of the session that the carriers are for. */
  readonly session: Buffer;
  /** A carrier's number, by which both ends call it: another one each time for as long as the session lives. */
  readonly nextNumber: () => number;
  readonly clock: Clock;
}

/** What became of an attempt: to be taken over at once. */
export type Adopt = (carrier: Carrier, welcome: Welcome) => void;

/** Milliseconds for connect, TLS and HELLO together. */
const DIAL_MS = 5000;
/** Silence after which the kernel asks the peer, on every subflow: keeps the entries of impatient NATs (kernel-mptcp values: at most 45 s while unknown). */
const KEEPALIVE_MS = 25_000;
/** Unsent bytes the kernel takes from us: small, so that what is urgent need not wait behind them. */
const NOTSENT_LOWAT_BYTES = 128 * 1024;

/** Makes carriers: connects, shakes hands, says HELLO. Bytes go both ways at once, so MPTCP can add subflows. */
export class Dialler {
  readonly #options: DiallerOptions;

  constructor(options: DiallerOptions) {
    this.#options = options;
  }

  /** One attempt. Resolves when the carrier was adopted; rejects with class `network` or `peer`, and nothing is left of it. */
  async dial({ way, remote }: Runner, transport: Transport, start: Start, adopt: Adopt): Promise<void> {
    const { clock, sockets } = this.#options;
    const number = this.#options.nextNumber();
    const limit = new AbortController();
    const cancel = clock.after(DIAL_MS, () => {
      limit.abort(new SennitError("network", "ETIMEDOUT", `no answer within ${DIAL_MS / 1000} s`));
    });
    const signal = AbortSignal.any([limit.signal, start.signal]);
    try {
      const connection = await sockets.dial({
        transport,
        ...(transport === "mptcp" && { paths: "ours" }),
        ...(way.device !== undefined && { device: way.device }),
        remote,
        localAddress: way.localAddress,
        ...(start.localPort !== undefined && { localPort: start.localPort }),
        timeoutMs: start.connectMs,
        signal,
        keepAliveIdleMs: KEEPALIVE_MS,
        notSentLowat: NOTSENT_LOWAT_BYTES,
      });
      start.onAnswered();
      await dialHandshake(connection, {
        ...this.#options,
        transport,
        number,
        signal,
        adopt: (carrier, welcome) => {
          carrier.way = way.name;
          carrier.plain = carrier.info()?.mptcp !== true;
          adopt(carrier, welcome);
        },
      });
    } catch (error) {
      throw limit.signal.aborted ? limit.signal.reason : error;
    } finally {
      cancel();
    }
  }
}
