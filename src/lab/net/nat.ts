import type { NatKind, NatSpec } from "../topology/natschema.ts";
import { tableText } from "./text.ts";

/** What makes a router a NAT, as text for nft. IPv4 only: what is not IPv4 passes a NAT as it passes a router. Pure. */

const TABLE = "lab";

/** How one NAT is to behave now. */
export interface NatState {
  readonly spec: NatSpec;
  /** Undefined: as Linux does it. */
  readonly kind: NatKind | undefined;
  /** The outside address. */
  readonly address: string;
  /** Another number gives other ports, as another start of a real box does. */
  readonly generation: number;
}

/** The table, in the place of the one before: all that it had learned is gone. */
export function natRules({ spec, kind, address, generation }: NatState): string {
  return tableText("ip", TABLE, true, [
    ...(kind === undefined ? [] : memory(kind)),
    ...guard(spec),
    ...(kind === undefined ? masquerade(spec) : translation(spec, kind, address, generation)),
  ]);
}

/** Nothing new comes in from outside but what the kind's filter lets in (it has the status `dnat` then). */
function guard({ outside, maxEntries }: NatSpec): string[] {
  return [
    "  chain input {",
    "    type filter hook input priority filter; policy accept;",
    `    iifname "${outside}" ct state { new, invalid } drop`,
    "  }",
    "  chain forward {",
    "    type filter hook forward priority filter; policy accept;",
    "    ct state invalid drop",
    `    iifname "${outside}" ct state new ct status & dnat == 0 drop`,
    ...(maxEntries === undefined ? [] : [`    ct state new ct count over ${maxEntries} drop`]),
    "  }",
  ];
}

/** Linux's own: a port is kept where it can be, and may serve several inside endpoints that talk to different ones. */
function masquerade({ outside }: NatSpec): string[] {
  return [
    "  chain postrouting {",
    "    type nat hook postrouting priority srcnat; policy accept;",
    `    oifname "${outside}" masquerade`,
    "  }",
  ];
}

const PROTOCOLS = ["udp", "tcp"] as const;
type Protocol = (typeof PROTOCOLS)[number];

/** As many mappings as there are ports. */
const MAP_SIZE = 65_536;

/** The dimensions of a mapping: whom an inside endpoint keeps its outside port for (RFC 4787, 4.1). */
const KEYS = {
  "endpoint-independent": [],
  "address-dependent": ["daddr"],
  "address-and-port-dependent": ["daddr", "dport"],
} as const;

const TYPES = { daddr: "ipv4_addr", dport: "inet_service" } as const;
const ORIGINAL = { daddr: "ct original ip daddr", dport: "ct original proto-dst" } as const;

/** The inside endpoint, and the outside one as far as the mapping depends on it, of a connection from inside. */
const insideOf = ({ mapping }: NatKind): string =>
  ["ct original ip saddr", "ct original proto-src", ...KEYS[mapping].map((part) => ORIGINAL[part])].join(
    " . ",
  );

/**
 * What the NAT remembers of each protocol: which outside port a mapping has, whose a port is, and (for filtering by
 * address) to whom something was sent from it.
 */
function memory(kind: NatKind): string[] {
  const key = ["ipv4_addr", "inet_service", ...KEYS[kind.mapping].map((part) => TYPES[part])].join(" . ");
  const object = (what: string, name: string, type: string): string[] => [
    `  ${what} ${name} {`,
    `    type ${type}`,
    `    size ${MAP_SIZE}`,
    "    flags dynamic,timeout",
    "  }",
  ];
  return PROTOCOLS.flatMap((protocol) => [
    ...object("map", `${protocol}-mappings`, `${key} : inet_service`),
    ...object("map", `${protocol}-owners`, "inet_service : ipv4_addr . inet_service"),
    ...(kind.filtering === "address-dependent"
      ? object("set", `${protocol}-peers`, "inet_service . ipv4_addr")
      : []),
  ]);
}

function translation(
  { outside, tcp, udp }: NatSpec,
  kind: NatKind,
  address: string,
  generation: number,
): string[] {
  return [
    "  chain prerouting {",
    "    type nat hook prerouting priority dstnat; policy accept;",
    ...PROTOCOLS.flatMap((protocol) => inward(protocol, outside, kind, address)),
    "  }",
    "  chain postrouting {",
    "    type nat hook postrouting priority srcnat; policy accept;",
    `    iifname "${outside}" return`,
    // From inside to inside, but not by an outside address.
    `    oifname != "${outside}" ct status & dnat == 0 return`,
    "    meta l4proto != { tcp, udp } masquerade",
    ...PROTOCOLS.flatMap((protocol) => outward(protocol, kind, address, generation)),
    "  }",
    ...learning(kind, tcp, udp),
  ];
}

/** What may come in: by the filter from outside (RFC 4787, 5), unfiltered from inside (the same, 6). */
function inward(protocol: Protocol, outside: string, { filtering, hairpin }: NatKind, address: string) {
  const to = `dnat ip to ${protocol} dport map @${protocol}-owners`;
  const lines: string[] = [];
  if (filtering === "endpoint-independent") lines.push(`iifname "${outside}" ip daddr ${address} ${to}`);
  // Otherwise only what belongs to a connection from inside, of which there is nothing to decide here.
  if (filtering === "address-dependent")
    lines.push(
      `iifname "${outside}" ip daddr ${address} ${protocol} dport . ip saddr @${protocol}-peers ${to}`,
    );
  if (hairpin) lines.push(`iifname != "${outside}" ip daddr ${address} ${to}`);
  return lines.map((line) => `    ${line}`);
}

/** The port that the mapping has; else its own where that is nobody's; else the next of the pool. */
function outward(protocol: Protocol, kind: NatKind, address: string, generation: number): string[] {
  const snat = `snat ip to ${address} :`;
  return [
    `    meta l4proto ${protocol} ${snat} ${insideOf(kind)} map @${protocol}-mappings`,
    ...(kind.ports === "preserved"
      ? [
          `    meta l4proto ${protocol} ct original proto-src != @${protocol}-owners ${snat} ${protocol} sport`,
        ]
      : []),
    `    meta l4proto ${protocol} ${snat} ${nextOfPool(generation)}`,
  ];
}

/** Below those that Linux hosts take for themselves (net.ipv4.ip_local_port_range), which preserved ports come from. */
const POOL_FIRST = 1024;
/** Changed ports at a time; nft takes 30 ms of a core to learn as many. */
const POOL_SIZE = 4096;
/** Any odd number reaches every port of a power of two, and a large one leaps about. */
const POOL_STEP = 7919;
const POOL_GENERATION_STEP = 1031;

/** One port after the other in an order that looks like none. */
function nextOfPool(generation: number): string {
  const start = generation * POOL_GENERATION_STEP;
  const ports = Array.from(
    { length: POOL_SIZE },
    (_, index) => `${index} : ${POOL_FIRST + ((start + index * POOL_STEP) % POOL_SIZE)}`,
  );
  return `numgen inc mod ${POOL_SIZE} map { ${ports.join(", ")} }`;
}

/** A connection that is not open, or no longer, is forgotten after 4 minutes (RFC 5382, REQ-5). */
const BRIEF_MS = 240_000;
/** The mark of connections that are being closed. */
const CLOSING = 1;

/**
 * What the packets teach, behind the translation: the kernel has found a port by then. Both directions of a connection
 * keep a mapping alive, as they keep the connection alive.
 */
function learning(kind: NatKind, tcp: number, udp: number): string[] {
  const chain = (name: string, lines: readonly string[]): string[] => [
    `  chain ${name} {`,
    ...lines.map((line) => `    ${line}`),
    "  }",
  ];
  return [
    ...chain("udp-seen", lesson("udp", kind, udp)),
    ...chain("tcp-seen", lesson("tcp", kind, tcp)),
    ...chain("tcp-brief", lesson("tcp", kind, Math.min(tcp, BRIEF_MS))),
    ...chain("learn", [
      "type filter hook postrouting priority srcnat + 1; policy accept;",
      `ct mark ${CLOSING} return`,
      "meta l4proto udp goto udp-seen",
      `tcp flags & (fin | rst) != 0 ct mark set ${CLOSING} goto tcp-brief`,
      "meta l4proto tcp ct state new goto tcp-brief",
      "meta l4proto tcp goto tcp-seen",
    ]),
  ];
}

function lesson(protocol: Protocol, kind: NatKind, idleMs: number): string[] {
  const timeout = `timeout ${Math.max(1, Math.round(idleMs / 1000))}s`;
  const [mappings, owners, peers] = ["mappings", "owners", "peers"].map((what) => `@${protocol}-${what}`);
  const out = `meta l4proto ${protocol} ct status snat`;
  const back = `meta l4proto ${protocol} ct status dnat`;
  const byAddress = kind.filtering === "address-dependent";
  return [
    // Its port is another's: nothing has been promised yet, and the sender's next packet gets the next one.
    `${out} ct state new ${insideOf(kind)} != ${mappings} ct reply proto-dst ${owners} drop`,
    `${out} update ${mappings} { ${insideOf(kind)} ${timeout} : ct reply proto-dst }`,
    `${out} update ${owners} { ct reply proto-dst ${timeout} : ct original ip saddr . ct original proto-src }`,
    ...(byAddress ? [`${out} update ${peers} { ct reply proto-dst . ct original ip daddr ${timeout} }`] : []),
    // Of a connection that came in, the port is the one that was called, and its owner answers.
    ...(kind.mapping === "endpoint-independent"
      ? [
          `${back} update ${mappings} { ct reply ip saddr . ct reply proto-src ${timeout} : ct original proto-dst }`,
        ]
      : []),
    `${back} update ${owners} { ct original proto-dst ${timeout} : ct reply ip saddr . ct reply proto-src }`,
  ];
}
