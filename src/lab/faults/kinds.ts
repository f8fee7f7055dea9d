import { listed } from "../../config/problems.ts";
import { SennitError } from "../../base/errors.ts";

/** Everything that can be made to go wrong, and what each fault wants to be told. */
export const FAULTS = {
  down: { target: "link", value: "none", about: "the cable is out: both ends lose the carrier" },
  blackhole: { target: "direction", value: "none", about: "everything vanishes without a word" },
  loss: { target: "direction", value: "a chance", about: "packets are lost by chance" },
  rate: { target: "direction", value: "a rate", about: "the link is slower, its queue as large as before" },
  delay: { target: "direction", value: "a time", about: "every packet takes longer" },
  jitter: { target: "direction", value: "a time", about: "packets take longer or shorter, in order" },
  "strip-mptcp": { target: "forwarder", value: "none", about: "a middlebox takes out the MPTCP options" },
  "nat-reboot": { target: "nat", value: "none", about: "all mappings are gone; over at once" },
  "public-address": {
    target: "nat",
    value: "an address?",
    about: "its outside address changes, mappings are gone",
  },
  "wan-address": { target: "interface", value: "an address?", about: "the interface's own address changes" },
} as const satisfies Record<string, FaultKind>;

interface FaultKind {
  /** What TARGET names: LINK, LINK[:up|:down], a host that forwards, a NAT host, HOST:INTERFACE. */
  readonly target: "link" | "direction" | "forwarder" | "nat" | "interface";
  /** What VALUE is; with a question mark it may be left out. */
  readonly value: "none" | "a chance" | "a rate" | "a time" | "an address?";
  readonly about: string;
}

export type FaultName = keyof typeof FAULTS;

export const faultNames = Object.keys(FAULTS) as readonly FaultName[];

export function asFaultName(text: string): FaultName {
  const name = faultNames.find((known) => known === text);
  if (name !== undefined) return name;
  throw wrong(`the fault "${text}"`, listed(faultNames));
}

/** `found` is not `allowed`: cause class `config`, code `lab-bad-fault`. */
export function wrong(found: string, allowed: string): SennitError {
  return new SennitError("config", "lab-bad-fault", `found ${found}; allowed is ${allowed}`);
}
