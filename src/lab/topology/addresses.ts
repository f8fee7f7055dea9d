import ipaddr from "ipaddr.js";
import { isIP } from "node:net";

/** Neighbouring addresses of one subnet: "192.168.88.10/24 x 200". */
export interface AddressRange {
  readonly family: 4 | 6;
  /** The first one, in the usual short form. */
  readonly first: string;
  readonly prefixLength: number;
  readonly count: number;
}

/** A route as iproute2 writes it: "default via 192.168.1.1 metric 100". */
export interface RouteSpec {
  readonly family: 4 | 6;
  /** "default" or a network. */
  readonly destination: string;
  readonly gateway: string;
  readonly metric: number | undefined;
}

/** Addresses of one interface: a few thousand users fit, a slip of the finger does not. */
const MAX_ADDRESSES = 4096;

/** Undefined where `text` is not a range, or where the range leaves its subnet. */
export function parseRange(text: string): AddressRange | undefined {
  const match = /^([\d.a-f:]+)\/(\d{1,3})(?:\s+x\s+(\d{1,4}))?$/i.exec(text);
  const [, address = "", length = "", many = "1"] = match ?? [];
  const family = isIP(address);
  if (family !== 4 && family !== 6) return undefined;
  const bits = family === 4 ? 32 : 128;
  const prefixLength = Number(length);
  const count = Number(many);
  if (prefixLength > bits || count < 1 || count > MAX_ADDRESSES) return undefined;
  const range: AddressRange = { family, first: shortForm(address), prefixLength, count };
  return contains(range, nth(range, count - 1)) ? range : undefined;
}

/** The range as a topology file has it. */
export function rangeText({ first, prefixLength, count }: AddressRange): string {
  return `${first}/${prefixLength}${count === 1 ? "" : ` x ${count}`}`;
}

/** Every address of the range. */
export function addressesOf(range: AddressRange): string[] {
  return Array.from({ length: range.count }, (_, index) => nth(range, index));
}

/** Whether `address` is of the range's subnet. */
export function contains(range: AddressRange, address: string): boolean {
  const [inside, first] = [ipaddr.parse(address), ipaddr.parse(range.first)];
  return inside.kind() === first.kind() && inside.match(first, range.prefixLength);
}

/** The address `steps` after the first one; it may lie outside the range, or its subnet. */
export function nth(range: AddressRange, steps: number): string {
  const bits = range.family === 4 ? 32n : 128n;
  const bytes = ipaddr.parse(range.first).toByteArray();
  const value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) + BigInt(steps);
  const wrapped = BigInt.asUintN(Number(bits), value);
  const next = bytes.map((_, index) => Number((wrapped >> (bits - 8n * BigInt(index + 1))) & 0xffn));
  return ipaddr.fromByteArray(next).toString();
}

export function parseRoute(text: string): RouteSpec | undefined {
  const match = /^(\S+) via (\S+)(?: metric (\d{1,9}))?$/.exec(text.trim().replaceAll(/\s+/g, " "));
  const [, destination = "", gateway = "", metric] = match ?? [];
  const family = isIP(gateway);
  if (family !== 4 && family !== 6) return undefined;
  const network = destination === "default" ? undefined : parseRange(destination);
  if (destination !== "default" && (network?.family !== family || network.count !== 1)) return undefined;
  return { family, destination, gateway, metric: metric === undefined ? undefined : Number(metric) };
}

/** The usual form of an address, in which equal ones are equal texts. */
export function shortForm(address: string): string {
  return ipaddr.parse(address).toString();
}
