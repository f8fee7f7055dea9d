import { listed } from "../../config/problems.ts";
import { SennitError } from "../../base/errors.ts";
import type { DirectionChange } from "../topology/linkschema.ts";
import type { NatKind } from "../topology/natschema.ts";

/** Everything that can be made to go wrong, and what each fault wants to be told. */
export const FAULTS = {
  down: { target: "link", about: "the cable is out: both ends lose the carrier" },
  blackhole: { target: "direction", about: "everything vanishes without a word" },
  loss: { target: "direction", setting: "loss", value: "a chance", about: "packets are lost by chance" },
  "burst-loss": {
    target: "direction",
    setting: "burstLoss",
    value: "a chance in bursts of a number",
    about: "packets are lost in bursts (Gilbert-Elliott)",
  },
  rate: {
    target: "direction",
    setting: "rate",
    value: "a rate",
    about: "the link is slower, its queue as large as before",
  },
  "rate-trace": {
    target: "direction",
    setting: "rate",
    value: "a file",
    about: "the rate changes as a file says, again and again",
  },
  delay: { target: "direction", setting: "delay", value: "a time", about: "every packet takes longer" },
  jitter: {
    target: "direction",
    setting: "jitter",
    value: "a time",
    about: "packets take longer or shorter, in order",
  },
  reorder: {
    target: "direction",
    setting: "reorder",
    value: "a chance by a time",
    about: "packets are held back and overtaken",
  },
  "mtu-blackhole": {
    target: "direction",
    setting: "mtuBlackhole",
    value: "a size",
    about: "larger packets vanish, no ICMP tells of it",
  },
  "block-udp": { target: "direction", setting: "blockUdp", about: "UDP does not pass" },
  "block-mp-join": {
    target: "direction",
    setting: "blockMpJoin",
    about: "MPTCP cannot add subflows, its connections open",
  },
  "strip-mptcp": { target: "forwarder", about: "a middlebox takes out the MPTCP options" },
  "nat-reboot": { target: "nat", about: "all mappings are gone; over at once" },
  "nat-mapping": {
    target: "nat",
    behavior: "mapping",
    value: "a behaviour",
    about: "what an inside endpoint keeps its port for (RFC 4787)",
  },
  "nat-filtering": {
    target: "nat",
    behavior: "filtering",
    value: "a behaviour",
    about: "who may answer at an outside port (RFC 4787)",
  },
  "nat-ports": {
    target: "nat",
    behavior: "ports",
    value: "preserved or changed",
    about: "whether outside ports are the inside ones",
  },
  "nat-hairpin": {
    target: "nat",
    behavior: "hairpin",
    value: "true or false",
    about: "whether the inside reaches the inside by outside addresses",
  },
  "public-address": {
    target: "nat",
    value: "an address",
    optional: true,
    about: "its outside address changes, mappings are gone",
  },
  "wan-address": {
    target: "interface",
    value: "an address",
    optional: true,
    about: "the interface's own address changes",
  },
  renumber: {
    target: "interface",
    value: "an address with its prefix",
    optional: true,
    about: "its DHCP server restarts with another subnet and gateway",
  },
} as const satisfies Record<string, FaultKind>;

export interface FaultKind {
  /** What TARGET names: LINK, LINK[:up|:down], a host that forwards, a NAT host, HOST:INTERFACE. */
  readonly target: "link" | "direction" | "forwarder" | "nat" | "interface";
  /** What VALUE is; without it, there is none to tell. */
  readonly value?: string;
  /** VALUE may be left out. */
  readonly optional?: true;
  readonly about: string;
  /** What it changes of a direction: a key of a link in a topology file. */
  readonly setting?: keyof DirectionChange;
  /** What it changes of a NAT: a key of it in a topology file. */
  readonly behavior?: keyof NatKind;
}

export type FaultName = keyof typeof FAULTS;

export const faultNames = Object.keys(FAULTS) as readonly FaultName[];

export const isFaultName = (text: string): text is FaultName => Object.hasOwn(FAULTS, text);

export function asFaultName(text: string): FaultName {
  if (isFaultName(text)) return text;
  throw wrong(`the fault "${text}"`, listed(faultNames));
}

/** `found` is not `allowed`: cause class `config`, code `lab-bad-fault`. */
export function wrong(found: string, allowed: string): SennitError {
  return new SennitError("config", "lab-bad-fault", `found ${found}; allowed is ${allowed}`);
}
