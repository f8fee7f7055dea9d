import { randomInt } from "node:crypto";
import { SennitError } from "../base/errors.ts";

/** How one attempt is to be made. */
export interface Try {
  /** Milliseconds in which the other end has to answer the first time. */
  readonly connectMs: number;
  /** Whether the kernel has time to send its SYN without MPTCP, too. */
  readonly patient: boolean;
  /** Port to leave from; undefined lets the kernel choose. */
  readonly localPort: number | undefined;
  /** Whether it was tried from this port before: every NAT on the way takes it for the same connection. */
  readonly again: boolean;
}

/** A patient try (ms): the kernel sends its SYN several times, the third one without MPTCP, which some boxes swallow. */
const PATIENT_MS = 5000;
/** One try in so long (ms) is patient: one that is not finds a way that is back with MPTCP. */
const PATIENT_EVERY_MS = 15_000;
/** Any other (ms): less than until the kernel would send its SYN again, more than a round trip by satellite. */
const KNOCK_MS = 990;
/** Pause (ms) after an answer that was no, doubled each time: who turns us away is not to be hammered. */
const BACKOFF_FIRST_MS = 250;
const BACKOFF_MAX_MS = 10_000;
/** net.ipv4.ip_local_port_range, unless somebody changed it. */
const PORTS = { first: 32_768, end: 61_000 } as const;

/** Nobody answered, or nothing could leave. */
const UNANSWERED = new Set(
  "ETIMEDOUT EHOSTUNREACH ENETUNREACH ENETDOWN EADDRNOTAVAIL ENODEV EADDRINUSE".split(" "),
);

/** Whether nobody answered: says nothing about the other end. */
export const isUnanswered = (error: Error): boolean =>
  error instanceof SennitError && UNANSWERED.has(error.code);

/**
 * The tries of one way to one address. They leave from the same few ports, so that they are the same few entries in
 * every NAT, however often it is tried: a connection that was never answered is free to be opened again from its port
 * (RFC 9293 section 3.4.1; Linux's initial sequence numbers grow with time, as NATs expect of it).
 */
export class Track {
  readonly way: string;
  /** When it was tried first and last (ms); undefined before. */
  firstAt: number | undefined;
  lastAt = -Infinity;
  #patientAt = -Infinity;
  #notBefore = -Infinity;
  #refusals = 0;
  readonly #idlePorts: number[] = [];

  constructor(way: string) {
    this.way = way;
  }

  /** Whether it may be tried again, after the first try was given `unansweredMs`. */
  isDue(now: number, unansweredMs: number): boolean {
    return now >= this.#notBefore && now - (this.firstAt ?? now) >= unansweredMs;
  }

  hurry(): void {
    this.lastAt = this.#notBefore = -Infinity;
    this.#refusals = 0;
    // As if it had been given its time.
    if (this.firstAt !== undefined) this.firstAt = -Infinity;
  }

  begin(now: number): Try {
    const isFirst = this.firstAt === undefined;
    const patient = now - this.#patientAt >= PATIENT_EVERY_MS;
    this.firstAt ??= now;
    this.lastAt = now;
    if (patient) this.#patientAt = now;
    const known = this.#idlePorts.pop();
    return {
      patient,
      connectMs: patient ? PATIENT_MS : KNOCK_MS,
      // The kernel knows best which one is free. Later ones are to be used again.
      localPort: isFirst ? undefined : (known ?? randomInt(PORTS.first, PORTS.end)),
      again: known !== undefined,
    };
  }

  /** The try has failed, `answered` where the other end was reached. */
  failed({ localPort }: Try, now: number, answered: boolean, error: Error): void {
    if (answered || !isUnanswered(error)) {
      const pauseMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** this.#refusals);
      this.#refusals++;
      this.#notBefore = now + pauseMs;
      return;
    }
    this.#refusals = 0;
    const isOurs = !(error instanceof SennitError && error.code === "EADDRINUSE");
    if (localPort !== undefined && isOurs) this.#idlePorts.push(localPort);
  }
}
