import { z } from "zod";
import { SennitError } from "../base/errors.ts";
import { type Endpoint, familyOf, normalAddress } from "./ffi/sockaddr.ts";
import type { Exec } from "./exec.ts";

/** One direction of a tracked connection. Protocols without ports (ICMP) have port 0. */
export interface ConntrackTuple {
  readonly source: Endpoint;
  readonly destination: Endpoint;
}

export interface ConntrackEntry {
  readonly family: "ipv4" | "ipv6";
  /** "tcp", "udp", "icmp", ...; "unknown" for those that conntrack has no name for. */
  readonly protocol: string;
  /** Seconds until it is forgotten; undefined for entries that do not time out here. */
  readonly expiresS: number | undefined;
  /** TCP and SCTP only: "ESTABLISHED", ... */
  readonly state: string | undefined;
  readonly original: ConntrackTuple;
  /** What an answer looks like: differs from the mirrored `original` where NAT is at work. */
  readonly reply: ConntrackTuple;
  readonly zone: number;
}

/** The connection tracking table of the namespace that `exec` works in; conntrack(8). Needs CAP_NET_ADMIN. */
export interface Conntrack {
  /** Entries of all protocols and zones. */
  count(): Promise<number>;
  /** All entries, or those of a zone. Fails with `kernel` `bad-conntrack` on a line that is not understood. */
  list(filter?: { readonly zone?: number }): Promise<readonly ConntrackEntry[]>;
  flush(): Promise<void>;
  /** Forgets what was given `address` as its source by NAT, and nothing else; returns how many entries that were. */
  deleteMasqueraded(address: string): Promise<number>;
  /** Forgets what has `address` as source or destination in either direction; returns how many entries that were. */
  deleteAddress(address: string): Promise<number>;
}

/** Exit code 1 also means that nothing matched. */
const NOTHING_MATCHED = 1;
const DELETED = /(\d+) flow entries have been deleted/;
/** Original source and destination, reply source and destination: the last two are the addresses NAT put in. */
const PLACES = ["--orig-src", "--orig-dst", "--reply-src", "--reply-dst"] as const;

export function createConntrack(exec: Exec): Conntrack {
  return {
    async count() {
      const { stdout } = await exec(["conntrack", "-C"]);
      if (!/^\d+\s*$/.test(stdout)) throw malformed(stdout);
      return Number(stdout);
    },
    async list({ zone } = {}) {
      const zoned = zone === undefined ? [] : ["--zone", String(zone)];
      const { stdout } = await exec(["conntrack", "-L", "-o", "extended", ...zoned]);
      return parseConntrack(stdout);
    },
    async flush() {
      await exec(["conntrack", "-F"]);
    },
    deleteMasqueraded: (address) => remove(exec, "--src-nat", normalAddress(address)),
    async deleteAddress(address) {
      const normal = normalAddress(address);
      let deleted = 0;
      for (const place of PLACES) deleted += await remove(exec, place, normal);
      return deleted;
    },
  };
}

async function remove(exec: Exec, place: string, address: string): Promise<number> {
  const { stderr } = await exec(["conntrack", "-D", "-f", `ipv${familyOf(address)}`, place, address], {
    allow: [NOTHING_MATCHED],
  });
  const count = DELETED.exec(stderr)?.[1];
  if (count === undefined) throw malformed(stderr);
  return Number(count);
}

/** `conntrack -L -o extended`: family, its number, protocol, its number, seconds, state, then words. */
const LINE = /^(ipv4|ipv6)\s+\d+\s+(\S+)\s+\d+(?:\s+(\d+))?(?:\s+([A-Z][A-Z_\d]*))?\s+(src=.*)$/;

const port = z.coerce.number().int().min(0).max(65_535).default(0);
const tupleSchema = z
  .object({
    src: z.union([z.ipv4(), z.ipv6()]),
    dst: z.union([z.ipv4(), z.ipv6()]),
    sport: port,
    dport: port,
  })
  .transform(({ src, dst, sport, dport }): ConntrackTuple => ({
    source: { address: normalAddress(src), port: sport },
    destination: { address: normalAddress(dst), port: dport },
  }));
const zoneSchema = z.coerce.number().int().min(0).max(65_535).default(0);

/** The entries in the output of `conntrack -L -o extended`. Fails with `kernel` `bad-conntrack`. */
export function parseConntrack(output: string): readonly ConntrackEntry[] {
  return output.split("\n").filter(Boolean).map(parseLine);
}

function parseLine(line: string): ConntrackEntry {
  const match = LINE.exec(line);
  if (match === null) throw malformed(line);
  const [, family, protocol = "", seconds, state, words = ""] = match;
  // Two tuples, each beginning with src=; what belongs to the whole entry (mark, zone, ...) comes last.
  const [original = "", reply = "", ...more] = words.split(/ (?=src=)/);
  if (more.length > 0) throw malformed(line);
  const last = fields(reply);
  try {
    return {
      family: family === "ipv6" ? "ipv6" : "ipv4",
      protocol,
      expiresS: seconds === undefined ? undefined : Number(seconds),
      state,
      original: tupleSchema.parse(fields(original)),
      reply: tupleSchema.parse(last),
      zone: zoneSchema.parse(last["zone"]),
    };
  } catch (error) {
    throw malformed(line, error);
  }
}

function fields(words: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...words.matchAll(/(\S+)=(\S*)/g)].map(([, name = "", value = ""]) => [name, value]),
  );
}

function malformed(found: string, cause?: unknown): SennitError {
  const text = `not understood from conntrack: ${JSON.stringify(found.slice(0, 200))}`;
  return new SennitError("kernel", "bad-conntrack", text, { cause });
}
