import { isDeepStrictEqual } from "node:util";
import type { DeviceAddress, IpChange, Link, MptcpLimits, Route, Rule } from "../linux/iproute.ts";
import { sameValue } from "../linux/sysctlvalue.ts";
import { missingKernelRules } from "./kernelrules.ts";
import type { DesiredState, SysctlWish } from "./model.ts";
import { isOurMetric, PROTOCOL } from "./own.ts";

/** What the kernel holds, as far as it could be read: a part that is undefined is not compared and not changed. */
export interface ActualState {
  readonly nft: { readonly table: string | undefined } | undefined;
  readonly links: readonly Link[] | undefined;
  readonly rules: readonly Rule[] | undefined;
  readonly routes: readonly Route[] | undefined;
  readonly mptcpLimits: MptcpLimits | undefined;
  /** Values of the keys that are wished for; undefined for those that this kernel or namespace does not have. */
  readonly sysctls: ReadonlyMap<string, string | undefined>;
}

/** One thing to do, in the order in which it is to be done. */
export type Step =
  | { readonly do: "sysctl"; readonly key: string; readonly before: string; readonly value: string }
  | { readonly do: "ip"; readonly change: IpChange; readonly before?: MptcpLimits }
  | { readonly do: "nft-replace"; readonly before: string | undefined; readonly text: string }
  | { readonly do: "nft-remove" };

/**
 * What turns `actual` into `desired`, touching only what is ours. What traffic is led into is there before traffic is
 * led into it: settings, addresses and routes, then rules, then the table; and what is no longer wanted goes in the
 * opposite order.
 */
export function diff(desired: DesiredState, actual: ActualState): readonly Step[] {
  const routes = compare(
    desired.routes,
    actual.routes?.filter(({ protocol }) => protocol === PROTOCOL),
  );
  const rules = compare(
    desired.rules,
    actual.rules?.filter(({ protocol }) => protocol === PROTOCOL),
  );
  const addresses = diffAddresses(desired.addresses, actual.links ?? []);
  const nft = diffNft(desired.nft, actual.nft);
  // In one step, so that there is no moment without; and only where the one that goes is ours.
  const fresh = new Set(routes.missing.map(routeKey));
  const stale = new Set(routes.surplus.map(routeKey));
  const kernelRules = missingKernelRules(desired.kernelRules, actual.rules ?? desired.kernelRules);
  return [
    ...kernelRules.map((value) => ip({ object: "rule", verb: "add", value })),
    ...desired.sysctls.flatMap((wish) => diffSysctl(wish, actual.sysctls.get(wish.key))),
    ...diffLimits(desired.mptcpLimits, actual.mptcpLimits),
    ...rules.surplus.filter(isGuard).map((value) => ip({ object: "rule", verb: "del", value })),
    ...(nft?.do === "nft-remove" ? [nft] : []),
    ...addresses.missing.map((value) => ip({ object: "address", verb: "add", value })),
    ...routes.missing.map((value) =>
      ip({ object: "route", verb: stale.has(routeKey(value)) ? "replace" : "add", value }),
    ),
    ...rules.missing
      .filter((rule) => !isGuard(rule))
      .map((value) => ip({ object: "rule", verb: "add", value })),
    ...(nft?.do === "nft-replace" ? [nft] : []),
    ...rules.missing.filter(isGuard).map((value) => ip({ object: "rule", verb: "add", value })),
    ...rules.surplus
      .filter((rule) => !isGuard(rule))
      .map((value) => ip({ object: "rule", verb: "del", value })),
    ...routes.surplus
      .filter((route) => !fresh.has(routeKey(route)))
      .map((value) => ip({ object: "route", verb: "del", value })),
    ...addresses.surplus.map((value) => ip({ object: "address", verb: "del", value })),
  ];
}

/** Drops what the table does not let pass: there only while the table is. */
const isGuard = ({ action }: Rule): boolean => action !== undefined;

const ip = (change: IpChange): Step => ({ do: "ip", change });

function compare<T>(
  desired: readonly T[],
  actual: readonly T[] | undefined,
): { readonly missing: readonly T[]; readonly surplus: readonly T[] } {
  if (actual === undefined) return { missing: [], surplus: [] };
  const lacks = (list: readonly T[], item: T): boolean =>
    !list.some((other) => isDeepStrictEqual(other, item));
  return {
    missing: desired.filter((item) => lacks(actual, item)),
    surplus: actual.filter((item) => lacks(desired, item)),
  };
}

/** An address that is wanted and there already is as good as ours, whoever made it; one of a device that is not there waits. */
function diffAddresses(
  desired: readonly DeviceAddress[],
  links: readonly Link[],
): { readonly missing: readonly DeviceAddress[]; readonly surplus: readonly DeviceAddress[] } {
  const actual = links.flatMap(({ name, addresses }) =>
    addresses.map(({ family, address, prefixLength, metric }) => ({
      device: name,
      family,
      address,
      prefixLength,
      metric,
    })),
  );
  const same = (a: Omit<DeviceAddress, "metric">, b: Omit<DeviceAddress, "metric">): boolean =>
    a.device === b.device && a.address === b.address && a.prefixLength === b.prefixLength;
  return {
    missing: desired.filter(
      (one) => links.some(({ name }) => name === one.device) && !actual.some((other) => same(one, other)),
    ),
    surplus: actual.flatMap(({ metric, ...one }) =>
      metric !== undefined && isOurMetric(metric) && !desired.some((other) => same(one, other))
        ? [{ ...one, metric }]
        : [],
    ),
  };
}

/** By this the kernel knows a route; there is one of each. */
const routeKey = ({ family, table, destination, metric }: Route): string =>
  `${family} ${table} ${destination} ${metric ?? "-"}`;

function diffLimits(desired: MptcpLimits | undefined, actual: MptcpLimits | undefined): readonly Step[] {
  if (desired === undefined || actual === undefined || isDeepStrictEqual(desired, actual)) return [];
  return [{ do: "ip", change: { object: "limits", verb: "set", value: desired }, before: actual }];
}

function diffSysctl(wish: SysctlWish, before: string | undefined): readonly Step[] {
  if (before === undefined) return [];
  const value = wishedValue(wish, before);
  return sameValue(value, before) ? [] : [{ do: "sysctl", key: wish.key, before, value }];
}

function wishedValue(wish: SysctlWish, before: string): string {
  if ("value" in wish) return wish.value;
  const fields = before.trim().split(/\s+/);
  return [...fields.slice(0, -1), Math.max(Number(fields.at(-1)), wish.lastAtLeast)].join(" ");
}

function diffNft(
  desired: string | undefined,
  actual: ActualState["nft"],
): Extract<Step, { do: "nft-replace" | "nft-remove" }> | undefined {
  if (actual === undefined) return undefined;
  if (desired === undefined) return actual.table === undefined ? undefined : { do: "nft-remove" };
  return sameText(desired, actual.table)
    ? undefined
    : { do: "nft-replace", before: actual.table, text: desired };
}

/** Whether nft means the same by both: it wraps long lists as it likes, and hashes the order of names in a set. */
export function sameText(a: string, b: string | undefined): boolean {
  return b !== undefined && canonical(a) === canonical(b);
}

const canonical = (text: string): string =>
  text
    .replaceAll(/\s+/g, " ")
    .trim()
    .replaceAll(/\{ ([^{};]+) \}/g, (_, list: string) => `{ ${list.split(", ").sort().join(", ")} }`);
