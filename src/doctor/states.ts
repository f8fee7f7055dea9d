import type { WanStateName } from "../wan/supervisor.ts";
import type { QuotaState } from "../wan/quota.ts";
import { looking, type Check } from "./check.ts";

const inState = (wanted: WanStateName): Check["look"] =>
  looking(["reports"], ({ reports }) =>
    reports
      .filter(({ state }) => state === wanted)
      .map(({ name, reason }) => ({ wan: name, evidence: reason })),
  );

const withQuota = (wanted: QuotaState): Check["look"] =>
  looking(["reports"], ({ reports }) =>
    reports.flatMap(({ name, quota }) =>
      quota?.state === wanted ? [{ wan: name, evidence: `${quota.perMille / 10} % of it are used` }] : [],
    ),
  );

/** What the running router says of its WANs. */
export const STATE_CHECKS: readonly Check[] = [
  {
    code: "wan-down",
    severity: "warning",
    cause: "The WAN's device works, and nothing comes back over it: the fault is behind the modem, or in it.",
    remedy: "look at the modem; restart it where its own page shows nothing wrong",
    consequenceOf: ["wan-is-lan", "kernel-rule-missing"],
    look: inState("down"),
  },
  {
    code: "wan-degraded",
    severity: "warning",
    cause: "The WAN works, but not as well as it should. It is used with care.",
    remedy:
      "look at the line: the signal of a radio modem, the plugs of a cable; `thresholds` in the config say from when on this is told",
    look: inState("degraded"),
  },
  {
    code: "wan-paused",
    severity: "info",
    cause: "With this WAN all together carried less than without it, so it rests and is tried again later.",
    remedy: "none is needed; where it stays so, the line costs more than it brings",
    look: inState("paused"),
  },
  {
    code: "quota-near",
    severity: "warning",
    cause: "What the WAN may carry in this month is nearly used up.",
    remedy: "see the WAN's `quota` in the config: what happens then, and when the next month begins",
    look: withQuota("near"),
  },
  {
    code: "quota-used-up",
    severity: "warning",
    cause: "What the WAN may carry in this month is used up, and its `action` is taken.",
    remedy: "wait for the next month, or raise the WAN's `quota` in the config",
    look: withQuota("used-up"),
  },
];
