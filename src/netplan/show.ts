import { quoteArgv } from "../base/argv.ts";
import {
  renderAddress,
  renderChange,
  renderLimits,
  renderRoute,
  renderRule,
  type Family,
} from "../linux/iproute.ts";
import { replaceScript } from "../linux/nft.ts";
import type { Step } from "./diff.ts";
import type { DesiredState, SysctlWish } from "./model.ts";
import { TABLE_NAME } from "./own.ts";

/** The plan as the files and listings that a professional knows, one section per tool. */
export function showState(state: DesiredState): string {
  const rules = (family: Family): readonly string[] =>
    state.rules.filter((rule) => rule.family === family).map((rule) => renderRule(rule).join(" "));
  const routes = (family: Family): readonly string[] =>
    state.routes.filter((route) => route.family === family).map((route) => renderRoute(route).join(" "));
  const limits = state.mptcpLimits;
  const sections: readonly (readonly [string, readonly string[]])[] = [
    ["nft list table inet sennit", state.nft === undefined ? [] : [state.nft.trimEnd()]],
    ["ip address", state.addresses.map((address) => renderAddress(address).join(" "))],
    ["ip rule", rules("inet")],
    ["ip -6 rule", rules("inet6")],
    ["ip route", routes("inet")],
    ["ip -6 route", routes("inet6")],
    ["ip mptcp limits", limits === undefined ? [] : [renderLimits(limits).join(" ")]],
    ["sysctl", state.sysctls.map(showWish)],
    ["problems", state.problems.map(({ message }) => message)],
  ];
  return sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `# ${title}\n${lines.join("\n")}\n`)
    .join("\n");
}

const showWish = (wish: SysctlWish): string =>
  "value" in wish ? `${wish.key} = ${wish.value}` : `${wish.key} = ... ... >= ${wish.lastAtLeast}`;

/** The step as a command that a person could run. */
export function showStep(step: Step): string {
  switch (step.do) {
    case "sysctl":
      return quoteArgv(settingCommand(step.key, step.value));
    case "ip":
      return quoteArgv(["ip", ...renderChange(step.change)]);
    case "nft-replace":
      return "nft -f - # replace table inet sennit";
    case "nft-remove":
      return "nft delete table inet sennit";
  }
}

/** The step as it is run: a command, and what it reads from standard input. */
export const showCommand = (step: Step): { readonly command: string; readonly input: string | null } =>
  step.do === "nft-replace"
    ? { command: "nft -f -", input: replaceScript(TABLE_NAME, step.text) }
    : { command: showStep(step), input: null };

/** How a person would make this setting. */
function settingCommand(key: string, value: string): readonly string[] {
  const [kind, device = "", name = ""] = key.split("/");
  if (kind === "offload") return ["ethtool", "-K", device, name, value];
  if (kind !== "link") return ["sysctl", "-w", `${key}=${value}`];
  const words = { up: [value === "1" ? "up" : "down"], mac: ["address", value] }[name];
  return ["ip", "link", "set", "dev", device, ...(words ?? [name, value])];
}
