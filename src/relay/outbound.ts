import { messageOf, SennitError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Sockets } from "../linux/sockets.ts";
import { Refusal } from "../wire/constants.ts";
import type { EgressPolicy } from "./egress.ts";
import type { Flow } from "./flow.ts";
import { FLOW_KEEPALIVE_MS } from "./limits.ts";

/** Milliseconds to reach a target: three SYNs (at 0, 1 and 3 s) and the time for their answers. */
const CONNECT_MS = 10_000;

const REFUSALS: Readonly<Record<string, Refusal>> = {
  ECONNREFUSED: Refusal.CONNECTION_REFUSED,
  ECONNRESET: Refusal.CONNECTION_REFUSED,
  EHOSTUNREACH: Refusal.HOST_UNREACHABLE,
  ENETUNREACH: Refusal.NETWORK_UNREACHABLE,
  ETIMEDOUT: Refusal.TIMED_OUT,
  EMFILE: Refusal.BUSY,
  ENFILE: Refusal.BUSY,
  ENOBUFS: Refusal.BUSY,
};

/** Where flows leave: connects those that the peer opens to their targets, as far as the policy lets it. */
export class Outbound {
  readonly #sockets: Sockets;
  readonly #policy: EgressPolicy;
  readonly #log: Log;

  constructor(sockets: Sockets, policy: EgressPolicy, log: Log) {
    this.#sockets = sockets;
    this.#policy = policy;
    this.#log = log;
  }

  /** Answers a flow that the peer opened: accepted once its target is connected, or refused with the reason. */
  async connect(flow: Flow, router: string): Promise<void> {
    const { target } = flow;
    const left = new AbortController();
    flow.onClosed = () => left.abort();
    try {
      const objection = this.#policy.objection(target);
      if (objection !== undefined) {
        this.#log.warn({ router, target, why: objection }, "target refused by policy");
        flow.refuse(Refusal.POLICY);
        return;
      }
      const connection = await this.#sockets.dial({
        transport: "tcp",
        remote: target,
        timeoutMs: CONNECT_MS,
        signal: left.signal,
        keepAliveIdleMs: FLOW_KEEPALIVE_MS,
      });
      flow.accept(connection);
    } catch (error) {
      const code = error instanceof SennitError ? error.code : "failed";
      this.#log.debug({ router, target, code, why: messageOf(error) }, "target not reached");
      flow.refuse(REFUSALS[code] ?? Refusal.FAILED);
    }
  }
}
