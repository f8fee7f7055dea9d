import { isDeepStrictEqual } from "node:util";
import type { Endpoint, IpChange, MptcpLimits, Route, Rule } from "../linux/iproute.ts";
import { sameValue } from "../linux/sysctlvalue.ts";
import type { DesiredState, SysctlWish } from "./model.ts";
import { ENDPOINT_IDS, PROTOCOL } from "./own.ts";

/** What the kernel holds, as far as it could be read: a part that is undefined is not compared and not changed. */
export interface ActualState {
  readonly nft: { readonly table: string | undefined } | undefined;
  readonly rules: readonly Rule[] | undefined;
  readonly routes: readonly Route[] | undefined;
  readonly mptcp:
    | {
        readonly limits: MptcpLimits;
        readonly endpoints: readonly Endpoint[];
        /** Those of `endpoints` that we made. */
        readonly own: readonly Endpoint[];
      }
    | undefined;
  /** Values of the keys that are wished for; undefined for those that this kernel or namespace does not have. */
  readonly sysctls: ReadonlyMap<string, string | undefined>;
}

/** One thing to do, in the order in which it is to be done. */
export type Step =
  | { readonly do: "sysctl"; readonly key: string; readonly before: string; readonly value: string }
  | { readonly do: "ip"; readonly change: IpChange; readonly before?: MptcpLimits }
  | { readonly do: "nft-replace"; readonly text: string }
  | { readonly do: "nft-remove" };

/**
 * What turns `actual` into `desired`, touching only what is ours. What traffic is led into is there before traffic is
 * led into it: settings and routes, then rules, then endpoints, then the table; and what is no longer wanted goes in the
 * opposite order. Stale endpoints alone go first: the path manager has few places, refuses a second endpoint with an
 * address it has, and an endpoint without its WAN carries nothing any more.
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
  const endpoints = diffEndpoints(desired.mptcp.endpoints, actual.mptcp);
  const nft = diffNft(desired.nft, actual.nft);
  // In one step, so that there is no moment without; and only where the one that goes is ours.
  const fresh = new Set(routes.missing.map(routeKey));
  const stale = new Set(routes.surplus.map(routeKey));
  return [
    ...desired.sysctls.flatMap((wish) => diffSysctl(wish, actual.sysctls.get(wish.key))),
    ...diffLimits(desired.mptcp.limits, actual.mptcp?.limits),
    ...(nft?.do === "nft-remove" ? [nft] : []),
    ...endpoints.del.map((value) => ip({ object: "endpoint", verb: "del", value })),
    ...routes.missing.map((value) =>
      ip({ object: "route", verb: stale.has(routeKey(value)) ? "replace" : "add", value }),
    ),
    ...rules.missing.map((value) => ip({ object: "rule", verb: "add", value })),
    ...endpoints.add.map((value) => ip({ object: "endpoint", verb: "add", value })),
    ...(nft?.do === "nft-replace" ? [nft] : []),
    ...rules.surplus.map((value) => ip({ object: "rule", verb: "del", value })),
    ...routes.surplus
      .filter((route) => !fresh.has(routeKey(route)))
      .map((value) => ip({ object: "route", verb: "del", value })),
  ];
}

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

/** By this the kernel knows a route; there is one of each. */
const routeKey = ({ family, table, destination, metric }: Route): string =>
  `${family} ${table} ${destination} ${metric ?? "-"}`;

function diffEndpoints(
  desired: readonly Endpoint[],
  actual: ActualState["mptcp"],
): { readonly add: readonly Endpoint[]; readonly del: readonly Endpoint[] } {
  if (actual === undefined) return { add: [], del: [] };
  const foreign = actual.endpoints.filter((endpoint) => !actual.own.includes(endpoint));
  const kept = actual.own.filter((have) => desired.some((want) => sameEndpoint(want, have)));
  const taken = new Set([...foreign, ...kept].map(({ id }) => id));
  const add: Endpoint[] = [];
  for (const want of desired) {
    // Somebody's endpoint that does what ours would do is as good: the kernel takes an address once.
    const served = [...kept, ...foreign.filter(({ flags }) => flags.includes("subflow"))];
    if (served.some(({ address }) => address === want.address)) continue;
    const id = taken.has(want.id) ? freeId(taken) : want.id;
    taken.add(id);
    add.push({ ...want, id });
  }
  return { add, del: actual.own.filter((have) => !kept.includes(have)) };
}

/** The id may be another than the wished one, where somebody else was first. */
const sameEndpoint = (a: Endpoint, b: Endpoint): boolean =>
  isDeepStrictEqual({ ...a, id: 0 }, { ...b, id: 0 });

function freeId(taken: ReadonlySet<number>): number {
  let id: number = ENDPOINT_IDS.first;
  while (taken.has(id) && id < ENDPOINT_IDS.last) id += 1;
  return id;
}

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
  return sameText(desired, actual.table) ? undefined : { do: "nft-replace", text: desired };
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
