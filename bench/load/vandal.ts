import type { Exec } from "../../src/linux/exec.ts";
import { renderChange, type IpChange } from "../../src/linux/iproute.ts";
import { createIpRoute } from "../../src/linux/iproutetool.ts";
import { PROTOCOL, TABLE_NAME } from "../../src/netplan/own.ts";

/** What somebody who knows nothing of Sennit may do to a router's kernel, as command lines. */
export interface Damage {
  readonly name: string;
  readonly commands: readonly (readonly [string, ...string[]])[];
}

/** Everything of Sennit's in a router's kernel, as the tools list it. */
export async function kernelStateOf(exec: Exec): Promise<string> {
  const tool = createIpRoute(exec);
  const isOurs = ({ protocol }: { readonly protocol: number }): boolean => protocol === PROTOCOL;
  const [table, rules, routes] = await Promise.all([
    exec(["nft", "--terse", "list", "table", "inet", TABLE_NAME], { allow: [0, 1] }),
    tool.rules(),
    tool.routes(),
  ]);
  // The kernel's own rules count as well: the router puts them back.
  const lines = [...rules, ...routes.filter(isOurs)].map((each) => JSON.stringify(each));
  return [table.stdout, ...lines.sort()].join("\n");
}

/** Flushes of all kinds, and then each rule and route of Sennit's by itself. */
export async function damages(exec: Exec): Promise<readonly Damage[]> {
  return [...FLUSHES, ...(await nftRules(exec)), ...(await ipRules(exec))];
}

const FLUSHES: readonly Damage[] = [
  { name: "nft flush ruleset", commands: [["nft", "flush", "ruleset"]] },
  {
    name: `ip rule flush protocol ${PROTOCOL}`,
    commands: [
      ["ip", "rule", "flush", "protocol", String(PROTOCOL)],
      ["ip", "-6", "rule", "flush", "protocol", String(PROTOCOL)],
    ],
  },
  {
    name: "ip rule flush",
    commands: [
      ["ip", "rule", "flush"],
      ["ip", "-6", "rule", "flush"],
    ],
  },
  {
    name: `ip route flush proto ${PROTOCOL}`,
    commands: [
      ["ip", "-4", "route", "flush", "table", "all", "proto", String(PROTOCOL)],
      ["ip", "-6", "route", "flush", "table", "all", "proto", String(PROTOCOL)],
    ],
  },
];

/** `nft --handle` ends a rule's line with "# handle N". A table with the same text that is put in its place has the same ones. */
async function nftRules(exec: Exec): Promise<readonly Damage[]> {
  const { stdout } = await exec(["nft", "--handle", "--terse", "list", "table", "inet", TABLE_NAME]);
  let chain = "";
  return stdout.split("\n").flatMap((line): readonly Damage[] => {
    chain = /^\tchain (\w+) \{/.exec(line)?.[1] ?? chain;
    const [, rule, handle] = /^\t\t(.*) # handle (\d+)$/.exec(line) ?? [];
    if (rule === undefined || handle === undefined) return [];
    const words = ["nft", "delete", "rule", "inet", TABLE_NAME, chain, "handle", handle] as const;
    return [{ name: `nft rule of ${chain}: ${rule}`, commands: [words] }];
  });
}

async function ipRules(exec: Exec): Promise<readonly Damage[]> {
  const rules = (await createIpRoute(exec).rules()).filter(({ priority }) => priority !== 0);
  return rules.map((value) => {
    const change: IpChange = { object: "rule", verb: "del", value };
    const words = renderChange(change);
    return { name: `ip ${words.join(" ")}`, commands: [["ip", ...words]] };
  });
}
