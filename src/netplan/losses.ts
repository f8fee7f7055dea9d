import { isDeepStrictEqual } from "node:util";
import type { Step } from "./diff.ts";
import type { DesiredState } from "./model.ts";

/**
 * Of the steps that were made, those that put back what the kernel held before: neither a wish that is new nor something
 * that goes. Somebody else took it away.
 */
export function putBack(held: DesiredState, steps: readonly Step[]): readonly Step[] {
  return steps.filter((step) => {
    switch (step.do) {
      case "nft-replace":
        return step.text === held.nft;
      case "nft-remove":
        return false;
      case "sysctl":
        return held.sysctls.some(
          (wish) => wish.key === step.key && (!("value" in wish) || wish.value === step.value),
        );
      case "ip":
        return (
          step.change.verb !== "del" &&
          heldOf(held, step.change).some((one) => isDeepStrictEqual(one, step.change.value))
        );
    }
  });
}

function heldOf(held: DesiredState, { object }: Extract<Step, { do: "ip" }>["change"]): readonly unknown[] {
  switch (object) {
    case "address":
      return held.addresses;
    case "rule":
      return [...held.rules, ...held.kernelRules];
    case "route":
      return held.routes;
    case "limits":
      return held.mptcpLimits === undefined ? [] : [held.mptcpLimits];
  }
}
