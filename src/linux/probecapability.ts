import type { Exec } from "./exec.ts";

/** Something that a kernel may be able to do, and what Sennit would use it for. */
export interface Capability {
  /** Stable: "mptcp.full-info", "nft.tproxy4". */
  readonly id: string;
  readonly purpose: string;
  /** `unknown` where it could not be tried: `evidence` says why. */
  readonly state: "yes" | "no" | "unknown";
  /** What was tried and what the kernel said. */
  readonly evidence: string;
}

export type Verdict = Pick<Capability, "state" | "evidence">;

/** Something to try. A SennitError that it raises counts as unknown. */
export interface Probe<Where extends readonly unknown[]> {
  readonly id: string;
  readonly purpose: string;
  readonly run: (...where: Where) => Verdict | Promise<Verdict>;
}

/** A network namespace in which everything may be tried. */
export interface Space {
  /** `/proc/PID/ns/net` */
  readonly netns: string;
  readonly exec: Exec;
}

export const yes = (evidence: string): Verdict => ({ state: "yes", evidence });
export const no = (evidence: string): Verdict => ({ state: "no", evidence });
export const unknown = (evidence: string): Verdict => ({ state: "unknown", evidence });
