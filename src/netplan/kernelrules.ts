import type { Rule } from "../linux/iproute.ts";
import { RT_TABLE_DEFAULT, RT_TABLE_MAIN } from "./own.ts";

const RTPROT_KERNEL = 2;

/**
 * What a namespace has from its beginning (fib_default_rules_init in net/ipv4/fib_rules.c, fib6_rules_net_init in
 * net/ipv6/fib6_rules.c), but for `local`, which `ip rule flush` leaves. Without main, nothing on the machine has a way
 * but by rules of others.
 */
export const KERNEL_RULES: readonly Rule[] = [
  { family: "inet", priority: 32_766, table: RT_TABLE_MAIN, protocol: RTPROT_KERNEL },
  { family: "inet", priority: 32_767, table: RT_TABLE_DEFAULT, protocol: RTPROT_KERNEL },
  { family: "inet6", priority: 32_766, table: RT_TABLE_MAIN, protocol: RTPROT_KERNEL },
];

/** Those of `wanted` whose table nothing leads to unconditionally: others may have moved such a rule, which is their right. */
export const missingKernelRules = (wanted: readonly Rule[], actual: readonly Rule[]): readonly Rule[] =>
  wanted.filter(
    ({ family, table }) =>
      !actual.some((rule) => rule.family === family && rule.table === table && isPlain(rule)),
  );

const OF_ANY_RULE: ReadonlySet<string> = new Set(["family", "priority", "table", "protocol"]);
const isPlain = (rule: Rule): boolean => Object.keys(rule).every((name) => OF_ANY_RULE.has(name));
