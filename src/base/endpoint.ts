import ipaddr from "ipaddr.js";
import { SennitError } from "./errors.ts";

/** Where something can be reached, as people write it: "server.example:443", "192.0.2.1:443", "[2001:db8::1]:443". */
export interface HostPort {
  /** An address, or a name. IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** What the length byte of an endpoint in a join token can say. */
const MAX_BYTES = 255;
/** RFC 1123, section 2.1. */
const LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
const NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

/** Host and port of HOST:PORT, IPv6 in brackets as in URLs (RFC 3986, section 3.2.2). Throws `config` `bad-endpoint`. */
export function parseEndpoint(text: string): HostPort {
  const [, inBrackets, plain, digits] = /^(?:\[([\da-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(text) ?? [];
  const host = inBrackets ?? plain;
  const port = Number(digits);
  const known = inBrackets === undefined ? isHost(plain ?? "") : ipaddr.IPv6.isValid(inBrackets);
  if (host === undefined || !known || port < 1 || port > 65_535 || text.length > MAX_BYTES) {
    throw new SennitError("config", "bad-endpoint", `found ${JSON.stringify(text)}, allowed is HOST:PORT`, {
      remedy: 'for example "vpn.example.net:443", "203.0.113.10:443" or "[2001:db8::10]:443"',
    });
  }
  return { host, port };
}

/** Whether `parseEndpoint` takes it. */
export function isEndpoint(text: string): boolean {
  try {
    parseEndpoint(text);
    return true;
  } catch {
    return false;
  }
}

/** The inverse of `parseEndpoint`. */
export function formatEndpoint({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** An IPv4 address or a DNS name; a name of digits and dots alone is a mistyped address. */
function isHost(host: string): boolean {
  return /^[\d.]+$/.test(host) ? ipaddr.IPv4.isValidFourPartDecimal(host) : NAME.test(host);
}
