/** Who has to act on an error: the reader of the config, of the kernel, of the peer, of the network, or us. */
export type Cause = "config" | "kernel" | "peer" | "network" | "bug";

export interface SennitErrorOptions {
  /** What was tried, with which values: safe to log, never a secret. */
  readonly detail?: Readonly<Record<string, unknown>>;
  /** What the user can do about it, in one sentence. */
  readonly remedy?: string;
  readonly cause?: unknown;
}

/**
 * Every error that Sennit raises on purpose. `code` is stable and may be matched; the message may change.
 * A `bug` is printed with its stack, all others are somebody's environment and are printed without.
 */
export class SennitError extends Error {
  override readonly name = "SennitError";
  readonly code: string;
  readonly causeClass: Cause;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly remedy: string | undefined;

  constructor(causeClass: Cause, code: string, message: string, options: SennitErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.causeClass = causeClass;
    this.code = code;
    this.detail = options.detail ?? {};
    this.remedy = options.remedy;
  }
}

/** The text for a person: message and remedy, with a stack only where we are to blame. */
export function explain(error: unknown): string {
  if (error instanceof SennitError) {
    const text = error.causeClass === "bug" ? (error.stack ?? error.message) : error.message;
    return error.remedy === undefined ? text : `${text}\n  -> ${error.remedy}`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The one-line message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
