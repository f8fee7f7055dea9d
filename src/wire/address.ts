import ipaddr from "ipaddr.js";
import { malformed, type Reader } from "./bytes.ts";

/** Where a flow goes: an address (never a name: names are resolved where the user is) and a TCP port. */
export interface Target {
  readonly address: string;
  readonly port: number;
}

/** Address family byte, then the address in network order, then the port: 7 or 19 bytes. */
export function encodeTarget(target: Target): Buffer {
  const address = Buffer.from(ipaddr.process(target.address).toByteArray());
  const out = Buffer.allocUnsafe(3 + address.length);
  out.writeUInt8(address.length === 4 ? 4 : 6, 0);
  address.copy(out, 1);
  out.writeUInt16BE(target.port, 1 + address.length);
  return out;
}

/** The target at the reader's place; v4-mapped IPv6 addresses become what they stand for. */
export function decodeTarget(reader: Reader): Target {
  const family = reader.u8();
  if (family !== 4 && family !== 6) throw malformed("malformed", `unknown address family ${family}`);
  const bytes = reader.take(family === 4 ? 4 : 16);
  const address = ipaddr.process(ipaddr.fromByteArray([...bytes]).toString()).toString();
  return { address, port: reader.u16() };
}
