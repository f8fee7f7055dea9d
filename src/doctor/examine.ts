import type { Check, Finding, Unchecked } from "./check.ts";
import type { Evidence } from "./evidence.ts";
import { KERNEL_CHECKS } from "./kernel.ts";
import { NETWORK_CHECKS } from "./networks.ts";
import { STATE_CHECKS } from "./states.ts";

/** The registry: everything that is looked for, causes before their consequences. */
export const CHECKS: readonly Check[] = [...KERNEL_CHECKS, ...NETWORK_CHECKS, ...STATE_CHECKS];

/** What an examination comes to, the worst first. */
export interface Diagnosis {
  /** Those with `hiddenBy` are consequences of others. */
  readonly findings: readonly Finding[];
  readonly unchecked: readonly Unchecked[];
}

const ORDER = { critical: 0, warning: 1, info: 2 } as const;

/** Runs all checks on what was seen. Pure. */
export function examine(evidence: Evidence): Diagnosis {
  const findings: Finding[] = [];
  const unchecked: Unchecked[] = [];
  for (const check of CHECKS) {
    const found = check.look(evidence);
    if ("unknown" in found) unchecked.push({ code: check.code, why: found.unknown });
    else {
      const { code, severity, cause, remedy } = check;
      for (const one of found) findings.push({ code, severity, ...one, cause, remedy });
    }
  }
  const told = [...findings, ...complaintsOf(evidence)];
  return {
    findings: told
      .map((one) => withCause(one, told))
      .toSorted((a, b) => ORDER[a.severity] - ORDER[b.severity]),
    unchecked,
  };
}

function withCause(finding: Finding, all: readonly Finding[]): Finding {
  const { consequenceOf = [] } = CHECKS.find(({ code }) => code === finding.code) ?? {};
  const cause = all.find(
    ({ code, wan }) => consequenceOf.includes(code) && (wan === null || wan === finding.wan),
  );
  return cause === undefined ? finding : { ...finding, hiddenBy: cause.code };
}

/** Without them nothing is carried. */
const CRITICAL: ReadonlySet<string> = new Set(["data-down", "no-carrier", "orders-refused", "not-adjusted"]);
/** Of a WAN's state: the checks tell it, with the cause. */
const TOLD_BY_CHECKS: ReadonlySet<string> = new Set([...CHECKS.map(({ code }) => code), "wan-over-quota"]);

/** What the running role complains of beside what is looked for here. */
function complaintsOf({ complaints }: Evidence): readonly Finding[] {
  if ("unknown" in complaints) return [];
  return complaints.value
    .filter(({ code }) => !TOLD_BY_CHECKS.has(code))
    .map(({ code, message, remedy }) => ({
      code,
      severity: CRITICAL.has(code) ? "critical" : "warning",
      wan: null,
      evidence: message,
      cause: "The running Sennit says so itself.",
      remedy,
    }));
}
