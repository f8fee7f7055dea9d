import ipaddr from "ipaddr.js";
import { isIP } from "node:net";
import { z } from "zod";
import { isEndpoint } from "../base/endpoint.ts";
import { parseRate } from "../base/units.ts";
import { quantity } from "./fields.ts";

/**
 * Words that iproute2 reads as its own where a device name may stand ("ip link set up"), and names that already mean
 * something: `all` and `default` are sysctl's, `lo` is the loopback device.
 */
const TAKEN_NAMES = new Set(
  "add addr address all brd broadcast change default del delete dev down flush get group help link list lo local mtu name netns peer replace set show type up via".split(
    " ",
  ),
);

/** As the kernel's dev_valid_name(): up to 15 bytes (IFNAMSIZ), narrowed to what needs no quoting anywhere. */
const DEVICE_NAME = /^[A-Za-z0-9_][\w.-]{0,14}$/;

export const deviceName = z
  .string()
  .refine((name) => DEVICE_NAME.test(name) && !TAKEN_NAMES.has(name))
  .meta({
    allowed:
      'the name of a network device: at most 15 of A-Z a-z 0-9 . _ -, and not a word of iproute2 such as "up"',
    samples: ["eth0", "wwan0", "enp3s0f1"],
  });

export const ipAddress = z
  .string()
  .refine((text) => isIP(text) !== 0 && !text.includes("%"))
  .meta({
    allowed: 'an IPv4 or IPv6 address such as "192.0.2.1" or "2001:db8::1"',
    samples: ["192.0.2.1", "2001:db8::1"],
  });

export const network = z
  .string()
  .refine(isNetwork)
  .meta({
    allowed: 'a network such as "10.1.0.0/16" or "fd00:1::/32", with no bits set behind the prefix',
    samples: ["10.1.0.0/16", "fd00:1::/32"],
  });

/** An address of a device, with the length of its network's prefix. */
export const deviceAddress = z
  .string()
  .refine((text) => parseDeviceAddress(text) !== undefined)
  .meta({
    allowed: 'an address with its prefix length, such as "192.0.2.2/24" or "2001:db8::2/64"',
    samples: ["192.0.2.2/24", "2001:db8::2/64"],
  });

/** As a single machine has it: not one of a group (bit 0 of the first byte, IEEE 802), not all zeros. Lower case comes out. */
export const macAddress = z
  .string()
  .regex(/^[0-9A-Fa-f][02468ACEace](:[0-9A-Fa-f]{2}){5}$/)
  .refine((text) => !/^[0:]+$/.test(text))
  .transform((text) => text.toLowerCase())
  .meta({
    allowed: 'a MAC address of one machine, such as "02:00:5e:10:00:01"',
    samples: ["02:00:5e:10:00:01", "A4:83:E7:00:00:0a"],
  });

/** "HOST:PORT" */
export const endpoint = z
  .string()
  .refine(isEndpoint)
  .meta({
    allowed: 'HOST:PORT, such as "mail.example:587" or "[2001:db8::1]:443"',
    samples: ["mail.example:587", "[2001:db8::1]:443"],
  });

const KBIT = 1e3;
const TBIT = 1e12;

/** In bit/s. */
export const rate = quantity(parseRate, {
  min: 8 * KBIT,
  max: TBIT,
  allowed: 'a rate from "8 kbit/s" to "1000 Gbit/s", such as "100 Mbit/s"',
  samples: ["100 Mbit/s", "8 kbit/s", "2.5 Gbit/s"],
});

/** "10.1.0.0/16": an address, a prefix length in range, and no host bits (those would be a slip of the hand). */
export function isNetwork(text: string): boolean {
  const parsed = parseDeviceAddress(text);
  if (parsed === undefined) return false;
  const kind = parsed.family === 4 ? ipaddr.IPv4 : ipaddr.IPv6;
  return kind.networkAddressFromCIDR(text).toString() === ipaddr.parse(parsed.address).toString();
}

/** An address and the prefix it lies in; undefined for what is none. */
export function parseDeviceAddress(
  text: string,
): { readonly family: 4 | 6; readonly address: string; readonly prefixLength: number } | undefined {
  const [address = "", length = "", ...rest] = text.split("/");
  const family = address.includes("%") ? 0 : isIP(address);
  if ((family !== 4 && family !== 6) || rest.length > 0 || !/^\d{1,3}$/.test(length)) return undefined;
  const prefixLength = Number(length);
  return prefixLength > (family === 4 ? 32 : 128) ? undefined : { family, address, prefixLength };
}

/** Whether `address` lies in the network of the device address `within`. False where either is none. */
export function isWithin(address: string, within: string): boolean {
  const network = parseDeviceAddress(within);
  if (network === undefined || isIP(address) !== network.family) return false;
  return ipaddr.parse(address).match(ipaddr.parse(network.address), network.prefixLength);
}
