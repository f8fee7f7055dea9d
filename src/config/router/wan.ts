import { z } from "zod";
import { ipAddress, deviceAddress, deviceName, macAddress } from "../networkfields.ts";
import { check } from "./check.ts";
import { quota } from "./quota.ts";
import { schedule } from "./schedule.ts";

const role = z
  .enum(["active", "backup", "off"])
  .default("active")
  .describe("`active` carries traffic, `backup` only while no active one can, `off` is left alone");

const match = z
  .strictObject({
    driver: z
      .string()
      .regex(/^[\w.-]{1,63}$/)
      .meta({ allowed: 'a driver such as "cdc_ether"', samples: ["cdc_ether", "e1000e", "qmi_wwan"] })
      .optional()
      .describe("The kernel's driver of the device"),
    mac: macAddress.optional().describe("The device's address, as it was made with"),
    vlan: z
      .int()
      .min(1)
      .max(4094)
      .optional()
      .describe("The number of the VLAN that the device is the end of"),
  })
  .optional()
  .describe("Instead of `interface`: the device of which all this is true");

const onOff = z.enum(["on", "off"]).optional();

/** Named as `ethtool -K` names them. */
const offloads = z
  .strictObject({
    rx: onOff.describe("Checksums of what comes in"),
    tx: onOff.describe("Checksums of what goes out"),
    sg: onOff.describe("Packets gathered from several places in memory"),
    tso: onOff.describe("TCP cut into packets by the device"),
    gso: onOff.describe("TCP and UDP cut into packets as late as can be"),
    gro: onOff.describe("Packets that came in joined before they are looked at"),
    lro: onOff.describe("The same in the device; what is forwarded needs it off"),
  })
  .optional()
  .describe("Work that the device or the last step before it does, as `ethtool -K` names it");

/** Largest frame of Ethernet hardware in common use ("jumbo"), and what IPv4 hosts must take at least (RFC 791, 3.2). */
const MTU = { min: 576, max: 9216 } as const;

/** One uplink, as people write it. */
export const wan = z.strictObject({
  interface: deviceName.optional().describe("The network device of this uplink"),
  match,
  role,
  addressing: z
    .enum(["found", "dhcp", "static"])
    .default("found")
    .describe(
      "Where addresses come from: `found` is what the host's own network manager set up, `dhcp` asks on this device, `static` is `addresses` below",
    ),
  addresses: z
    .array(deviceAddress)
    .min(1)
    .max(8)
    .optional()
    .describe("With `addressing: static`: the device's own addresses"),
  gateway: ipAddress
    .optional()
    .describe("The next hop on this uplink; without it, the one of the device's default route"),
  weight: z
    .int()
    .min(1)
    .max(100)
    .default(1)
    .describe("Share of the connections that go out directly, beside the other active WANs' weights"),
  cost: z
    .int()
    .min(0)
    .max(100)
    .default(0)
    .describe(
      "Of the active WANs, those of the least cost that are alive are used, and dearer ones are backups until none of these is left",
    ),
  metered: z
    .boolean()
    .default(false)
    .describe("Every byte is paid for: `check` asks every 5 min, and every 30 s while the WAN is in doubt"),
  mtu: z.int().min(MTU.min).max(MTU.max).optional().describe("Largest packet on the device, in bytes"),
  ttl: z
    .int()
    .min(1)
    .max(255)
    .optional()
    .describe("Hop limit with which all packets leave here, as some carriers want it"),
  mac: macAddress.optional().describe("The address that the device is to have instead of its own"),
  offloads,
  check,
  quota,
  schedule,
});

export type WanConfig = z.output<typeof wan>;
