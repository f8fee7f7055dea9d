import type { Step } from "../netplan/diff.ts";
import { diffLines } from "../netplan/linediff.ts";
import { PROTOCOL, TABLE_NAME } from "../netplan/own.ts";
import { showStep } from "../netplan/show.ts";

/** What there is to tell of what somebody took away and the router put back. */
export interface LossReport {
  readonly code: "main-rule-missing" | "kernel-state-lost";
  readonly severity: "warning" | "critical";
  readonly text: string;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}

/** Things of one kind that are named; how many there are is told of all. */
const MOST_NAMED = 3;

/** In words, from the steps that put it back. The kernel's own rules come first: without them nothing has a way. */
export function lossReports(steps: readonly Step[]): readonly LossReport[] {
  const main = steps.filter(isKernelRule);
  const ours = steps.filter((step) => !isKernelRule(step));
  return [
    ...(main.length === 0 ? [] : [mainRuleMissing(main)]),
    ...(ours.length === 0 ? [] : [stateLost(ours)]),
  ];
}

const isKernelRule = (step: Step): boolean =>
  step.do === "ip" && step.change.object === "rule" && step.change.value.protocol !== PROTOCOL;

function mainRuleMissing(steps: readonly Step[]): LossReport {
  return {
    code: "main-rule-missing",
    severity: "critical",
    text: `policy rules of the kernel itself were gone, without which nothing finds its way by table main; put back by: ${named(steps)}`,
    fields: { rules: steps.length },
  };
}

function stateLost(steps: readonly Step[]): LossReport {
  const of = (object: string): readonly Step[] =>
    steps.filter((step) => step.do === "ip" && step.change.object === object);
  const table = steps.find((step) => step.do === "nft-replace");
  const settings = steps.filter((step) => step.do === "sysctl");
  const kinds: readonly (readonly [string, string, readonly Step[]])[] = [
    ["rules", "rule", of("rule")],
    ["routes", "route", of("route")],
    ["addresses", "address", of("address")],
    ["settings", "setting", settings],
    ["limits", "set of MPTCP limits", of("limits")],
  ];
  const parts = [
    ...(table === undefined ? [] : [tableLost(table)]),
    ...kinds
      .filter(([, , some]) => some.length > 0)
      .map(([many, one, some]) => `${some.length} ${some.length === 1 ? one : many} (${named(some)})`),
  ];
  return {
    code: "kernel-state-lost",
    severity: "warning",
    text: `somebody took away what the router needs in the kernel; put back: ${parts.join("; ")}`,
    fields: {
      table: table !== undefined,
      ...Object.fromEntries(kinds.map(([many, , some]) => [many, some.length])),
    },
  };
}

function tableLost({ before, text }: Extract<Step, { do: "nft-replace" }>): string {
  if (before === undefined) return `the table inet ${TABLE_NAME}`;
  const lines = diffLines(before, text).filter(({ sign }) => sign !== " ");
  const words = lines
    .slice(0, MOST_NAMED)
    .map(({ sign, line }) => `${sign === "+" ? "without" : "with"} "${line.trim()}"`);
  return `the table inet ${TABLE_NAME}, which was ${words.join(", ")}${lines.length > MOST_NAMED ? ` and ${lines.length - MOST_NAMED} lines more` : ""}`;
}

const named = (steps: readonly Step[]): string =>
  `${steps.slice(0, MOST_NAMED).map(showStep).join(", ")}${steps.length > MOST_NAMED ? ", ..." : ""}`;
