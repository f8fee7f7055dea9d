import type { Severity } from "../control/events.ts";
import type { Evidence, Known } from "./evidence.ts";

/** One thing that is wrong, or will be. */
export interface Finding {
  /** Stable, for programs. */
  readonly code: string;
  readonly severity: Severity;
  /** The WAN it is about; null where it is about the whole machine. */
  readonly wan: string | null;
  /** What was seen, in figures. */
  readonly evidence: string;
  /** What that means, in plain words. */
  readonly cause: string;
  readonly remedy: string | null;
  /** Code of the finding that this one is but a consequence of. */
  readonly hiddenBy?: string;
}

/** What could not be checked, and why. */
export interface Unchecked {
  readonly code: string;
  readonly why: string;
}

/** What a check saw. */
export type Seen = Pick<Finding, "wan" | "evidence">;

/** One entry of the registry: what it finds, what that means, and what helps. */
export interface Check {
  readonly code: string;
  readonly severity: Severity;
  readonly cause: string;
  readonly remedy: string;
  /** Findings that this one is a consequence of, where they are about the same WAN or the whole machine. */
  readonly consequenceOf?: readonly string[];
  /** Pure: what it saw, or what is missing to tell. */
  readonly look: (evidence: Evidence) => readonly Seen[] | { readonly unknown: string };
}

type Part<K extends keyof Evidence> = Evidence[K] extends Known<infer T> ? T : never;

/** A look that needs these parts of the evidence. */
export function looking<const K extends keyof Evidence>(
  needs: readonly K[],
  find: (parts: { readonly [P in K]: Part<P> }) => readonly Seen[],
): Check["look"] {
  return (evidence) => {
    const parts: Partial<Record<K, unknown>> = {};
    for (const key of needs) {
      const part: Known<unknown> = evidence[key];
      if ("unknown" in part) return part;
      parts[key] = part.value;
    }
    return find(parts as { readonly [P in K]: Part<P> });
  };
}

/** About the whole machine. */
export const seen = (evidence: string): Seen => ({ wan: null, evidence });
