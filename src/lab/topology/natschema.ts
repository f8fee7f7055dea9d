import { z } from "zod";
import { parseDuration } from "../../base/units.ts";
import { deviceName } from "../../config/networkfields.ts";
import { listed } from "../../config/problems.ts";
import { quantity } from "./fields.ts";

/** 5 days is what Linux itself waits (nf_conntrack_tcp_timeout_established); a week is enough for anybody. */
const MAX_TIMEOUT_MS = 7 * 86_400_000;
const timeout = quantity(parseDuration, 'a time from 1 s to 7 d such as "30 s"', 1000, MAX_TIMEOUT_MS);

/** The least that RFC 5382 (REQ-5) wants of an idle TCP connection: 2 hours and 4 minutes. */
const TCP_TIMEOUT_MS = 7_440_000;
/** A quarter of what RFC 4787 (REQ-5) wants, and what cheap boxes do. */
const UDP_TIMEOUT_MS = 30_000;

/** RFC 4787, sections 4.1 (mapping) and 5 (filtering). */
const BEHAVIORS = ["endpoint-independent", "address-dependent", "address-and-port-dependent"] as const;
const PORTS = ["preserved", "changed"] as const;

const word = <const W extends readonly string[]>(words: W) => z.enum(words).meta({ allowed: listed(words) });

/** What kind of NAT it is, in the words of RFC 4787. */
export const natKind = z.strictObject({
  mapping: word(BEHAVIORS).describe("What an inside endpoint keeps its outside port for"),
  filtering: word(BEHAVIORS).describe("Who may answer at an outside port"),
  ports: word(PORTS).describe("Whether the outside port is the inside one where that is free"),
  hairpin: z
    .boolean()
    .meta({ allowed: "true or false" })
    .describe("Whether the inside reaches the inside by outside addresses"),
});

export const natSchema = z.strictObject({
  outside: deviceName.describe("The interface whose address everything takes"),
  tcp: timeout.default(TCP_TIMEOUT_MS).describe("Idle time after which a TCP mapping is forgotten"),
  udp: timeout.default(UDP_TIMEOUT_MS).describe("Idle time after which a UDP mapping is forgotten"),
  maxEntries: z.int().min(1).max(1_000_000).optional().describe("Connections at a time; more are refused"),
  ...natKind.partial().shape,
});

export type NatKind = z.output<typeof natKind>;
export type NatSpec = z.output<typeof natSchema>;

/** What is not said of a NAT of which anything is said. */
const COMMON: NatKind = {
  mapping: "endpoint-independent",
  filtering: "address-and-port-dependent",
  ports: "preserved",
  hairpin: false,
};

/** The kind that is meant by what was said; undefined where nothing was: a plain Linux box. */
export function natKindOf({ mapping, filtering, ports, hairpin }: Partial<NatKind>): NatKind | undefined {
  const said = Object.entries({ mapping, filtering, ports, hairpin }).filter(
    ([, value]) => value !== undefined,
  );
  return said.length === 0 ? undefined : { ...COMMON, ...Object.fromEntries(said) };
}
