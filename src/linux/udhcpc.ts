import ipaddr from "ipaddr.js";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { SennitError } from "../base/errors.ts";

/** What a DHCP server gave, as far as it makes sense. */
export interface Offer {
  readonly address: string;
  readonly prefixLength: number;
  /** Undefined where none was told, or none that can be one. */
  readonly gateway: string | undefined;
  readonly dns: readonly string[];
  readonly server: string | undefined;
  /** In seconds; undefined for ever. */
  readonly seconds: number | undefined;
}

/** What the client tells: it begins or has lost what it had, got or kept an address, was refused one, heard nobody. */
export type DhcpEvent =
  | { readonly event: "deconfig" | "nak" | "leasefail" }
  | { readonly event: "bound" | "renew"; readonly offer: Offer }
  /** What a server gave is of no use; why. */
  | { readonly event: "unusable"; readonly why: string };

const EVENT_PROGRAM = fileURLToPath(new URL("../../bin/udhcpc-event", import.meta.url));

/** Requests in a row, with so many seconds in between, and the pause after them: a cable that was just plugged in waits little. */
const ATTEMPTS = "4";
const ATTEMPT_S = "1";
const PAUSE_S = "3";

/** How Debian's udhcpc is started on a device: in the foreground, asking for the address it had before, setting up nothing itself. */
export function udhcpcArgv(device: string, before: string | undefined): readonly [string, ...string[]] {
  return [
    // Without us nobody reads what it says, which must not end it: the lease is to be renewed until we are back.
    "env",
    "--ignore-signal=PIPE",
    "udhcpc",
    "-f",
    `-i${device}`,
    `-s${EVENT_PROGRAM}`,
    `-t${ATTEMPTS}`,
    `-T${ATTEMPT_S}`,
    `-A${PAUSE_S}`,
    // Classless static routes (RFC 3442), which may hold the default route.
    "-Ostaticroutes",
    ...(before === undefined ? [] : [`-r${before}`]),
  ];
}

/** Whether it was started here, on that device, or on any. */
export const isUdhcpcOf =
  (device?: string) =>
  (argv: readonly string[]): boolean =>
    argv[0] === "udhcpc" &&
    argv.includes(`-s${EVENT_PROGRAM}`) &&
    (device === undefined || argv.includes(`-i${device}`));

/** Its environment, which the event program inherits: nothing of ours that the program need not know. */
export const udhcpcEnv = (): NodeJS.ProcessEnv => ({ PATH: process.env["PATH"] });

/** What ends each event that the event program tells. */
export const DHCP_EVENT_END = "\0\0";

const KNOWN = z.enum(["deconfig", "bound", "renew", "nak", "leasefail"]);

/** Most resolvers that are taken from one lease: three are what the C library asks (MAXNS in resolv.h). */
const MAX_DNS = 3;
/** 0xffffffff seconds (RFC 2131, 3.3). */
const FOREVER_S = 0xffff_ffff;

/**
 * What the event program tells of one event: NAME=VALUE, each after a NUL, the event last. What a server said is believed as
 * little as can be: a lease without a usable address is `unusable`, a gateway or resolver that can be none is left out.
 */
export function parseDhcpEvent(text: string): DhcpEvent {
  // Before the first NUL stands what udhcpc itself said.
  const [, ...pairs] = text.split("\0");
  const said: Said = Object.fromEntries(
    pairs.map((pair) => [pair.split("=", 1)[0] ?? "", pair.slice(pair.indexOf("=") + 1)]),
  );
  const event = KNOWN.safeParse(said["event"]);
  if (!event.success) return { event: "unusable", why: z.prettifyError(event.error).slice(0, 200) };
  if (event.data !== "bound" && event.data !== "renew") return { event: event.data };
  try {
    return { event: event.data, offer: offerOf(said) };
  } catch (error) {
    if (error instanceof SennitError) return { event: "unusable", why: error.message };
    throw error;
  }
}

type Said = Readonly<Record<string, string>>;

function offerOf(said: Said): Offer {
  const address = said["ip"] ?? "";
  if (!isHost(address)) throw unusable("address", address);
  const prefixLength = prefixLengthOf(said);
  const gateway = gateways(said).find((one) => isHost(one) && one !== address);
  const server = said["serverid"];
  return {
    address,
    prefixLength,
    gateway,
    dns: words(said["dns"]).filter(isHost).slice(0, MAX_DNS),
    server: server !== undefined && isHost(server) ? server : undefined,
    seconds: secondsOf(said["lease"] ?? ""),
  };
}

/** The next hops that were told. Who tells classless routes means these instead of the router (RFC 3442, page 5). */
function gateways(said: Said): readonly string[] {
  const routes = words(said["staticroutes"]);
  if (routes.length === 0) return words(said["router"]);
  return routes.flatMap((word, index) => (word === "0.0.0.0/0" ? (routes[index + 1] ?? []) : []));
}

/** Without a mask there is no network: all is reached through the gateway. */
function prefixLengthOf(said: Said): number {
  const mask = said["subnet"];
  if (mask === undefined) return 32;
  const length = ipaddr.IPv4.isValidFourPartDecimal(mask)
    ? ipaddr.IPv4.parse(mask).prefixLengthFromSubnetMask()
    : null;
  // All of IPv4 as one network would take every packet away from every other line.
  if (length === null || length === 0) throw unusable("subnet mask", mask);
  return length;
}

function secondsOf(text: string): number | undefined {
  if (!/^\d{1,10}$/.test(text)) throw unusable("lease time", text);
  const seconds = Number(text);
  if (seconds === 0 || seconds > FOREVER_S) throw unusable("lease time", text);
  return seconds === FOREVER_S ? undefined : seconds;
}

const words = (text = ""): readonly string[] => text.split(/\s+/).filter((word) => word !== "");

/** Class A, B or C, and neither "this network" nor loopback (RFC 1122, 3.2.1.3). */
function isHost(text: string): boolean {
  if (!ipaddr.IPv4.isValidFourPartDecimal(text)) return false;
  const [first = 0] = ipaddr.IPv4.parse(text).octets;
  return first >= 1 && first <= 223 && first !== 127;
}

function unusable(what: string, found: string): SennitError {
  const shown = found === "" ? "none" : JSON.stringify(found.slice(0, 50));
  return new SennitError("peer", "lease-unusable", `the DHCP server gave a ${what} of no use: ${shown}`);
}
