import { SennitError } from "../base/errors.ts";
import { check, errnoName, lastErrno, libc } from "./ffi/libc.ts";
import { deviceRequest, ethtool, withDeviceSocket } from "./ethtool.ts";
import { inNetns } from "./netns.ts";
import { createSysctl, type Sysctl } from "./sysctl.ts";

/* linux/sockios.h, linux/if.h, linux/if_arp.h */
const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const SIOCGIFMTU = 0x8921;
const SIOCSIFMTU = 0x8922;
const SIOCGIFHWADDR = 0x8927;
const SIOCSIFHWADDR = 0x8924;
const IFF_UP = 1;
const ARPHRD_ETHER = 1;
/** Of struct ifreq: behind the name. */
const VALUE = 16;

/** linux/ethtool.h: what reads and what sets each of the offloads; large receive is a flag among others. */
const OFFLOADS = {
  rx: { get: 0x14, set: 0x15, mask: 1 },
  tx: { get: 0x16, set: 0x17, mask: 1 },
  sg: { get: 0x18, set: 0x19, mask: 1 },
  tso: { get: 0x1e, set: 0x1f, mask: 1 },
  gso: { get: 0x23, set: 0x24, mask: 1 },
  gro: { get: 0x2b, set: 0x2c, mask: 1 },
  lro: { get: 0x25, set: 0x26, mask: 1 << 15 },
} as const;

/** One kind of setting of a device. `get` is undefined where the device, or the setting on it, is not there. */
interface Kind {
  get(fd: number, device: string): string | undefined;
  set(fd: number, device: string, value: string): void;
}

const KINDS: Readonly<Record<string, Kind>> = {
  "link/up": {
    get: (fd, device) =>
      read(fd, device, SIOCGIFFLAGS, (flags) => String(flags.readUInt16LE(VALUE) & IFF_UP)),
    set: (fd, device, value) => switchDevice(fd, device, value === "1"),
  },
  "link/mtu": {
    get: (fd, device) => read(fd, device, SIOCGIFMTU, (mtu) => String(mtu.readInt32LE(VALUE))),
    set: (fd, device, value) => {
      const request = deviceRequest(device);
      request.writeInt32LE(Number(value), VALUE);
      check(libc.ioctl(fd, SIOCSIFMTU, request), `mtu of ${device}`);
    },
  },
  "link/mac": { get: macOf, set: setMac },
  ...Object.fromEntries(
    Object.entries(OFFLOADS).map(([name, { get, set, mask }]): [string, Kind] => [
      `offload/${name}`,
      {
        get: (fd, device) => {
          const value = ethtoolValue(fd, device, get);
          return value === undefined ? undefined : (value & mask) === 0 ? "off" : "on";
        },
        set: (fd, device, value) => {
          const before = ethtoolValue(fd, device, get) ?? 0;
          const data = commandOf(set, value === "on" ? before | mask : before & ~mask);
          check(ethtool(fd, device, data), `${name} of ${device}`);
          // Some drivers agree and do nothing.
          if (((ethtoolValue(fd, device, get) ?? 0) & mask) !== (value === "on" ? mask : 0))
            throw new SennitError("kernel", "EOPNOTSUPP", `${device} does not turn ${name} ${value}`);
        },
      },
    ]),
  ),
};

/**
 * All settings that a plan may wish for: sysctls, by their path below /proc/sys; and what is set of a device itself,
 * `link/DEVICE/up` (0 or 1), `link/DEVICE/mtu`, `link/DEVICE/mac`, and `offload/DEVICE/NAME` (on or off) as `ethtool -K` names them. Of
 * the network namespace at `netns`, or of our own.
 */
export function createSettings(netns?: string): Sysctl {
  const sysctl = createSysctl(netns);
  const within = <T>(fn: (fd: number) => T): T =>
    netns === undefined ? withDeviceSocket(fn) : inNetns(netns, () => withDeviceSocket(fn));
  return {
    get(key) {
      const [kind, device] = deviceKey(key);
      return kind === undefined ? sysctl.get(key) : within((fd) => kind.get(fd, device));
    },
    set(key, value) {
      const [kind, device] = deviceKey(key);
      if (kind === undefined) sysctl.set(key, value);
      else within((fd) => kind.set(fd, device, value));
    },
  };
}

function deviceKey(key: string): readonly [Kind | undefined, string] {
  const [, group = "", device = "", name = ""] = /^(link|offload)\/([\w.-]{1,15})\/(\w+)$/.exec(key) ?? [];
  return [KINDS[`${group}/${name}`], device];
}

function read<T>(fd: number, device: string, request: number, of: (answer: Buffer) => T): T | undefined {
  const answer = deviceRequest(device);
  return libc.ioctl(fd, request, answer) < 0 ? undefined : of(answer);
}

function switchDevice(fd: number, device: string, on: boolean): void {
  const request = deviceRequest(device);
  check(libc.ioctl(fd, SIOCGIFFLAGS, request), `flags of ${device}`);
  const flags = request.readUInt16LE(VALUE);
  request.writeUInt16LE(on ? flags | IFF_UP : flags & ~IFF_UP, VALUE);
  check(libc.ioctl(fd, SIOCSIFFLAGS, request), `switch ${device} ${on ? "on" : "off"}`);
}

function macOf(fd: number, device: string): string | undefined {
  return read(fd, device, SIOCGIFHWADDR, (answer) =>
    answer.readUInt16LE(VALUE) === ARPHRD_ETHER
      ? answer.toString("hex", VALUE + 2, VALUE + 8).replace(/..\B/g, "$&:")
      : undefined,
  );
}

/** Some drivers take another address only while they are switched off. */
function setMac(fd: number, device: string, mac: string): void {
  const request = deviceRequest(device);
  request.writeUInt16LE(ARPHRD_ETHER, VALUE);
  request.write(mac.replaceAll(":", ""), VALUE + 2, "hex");
  if (libc.ioctl(fd, SIOCSIFHWADDR, request) >= 0) return;
  const errno = errnoName(lastErrno());
  if (errno !== "EBUSY") throw new SennitError("kernel", errno, `MAC of ${device}: ${errno}`);
  switchDevice(fd, device, false);
  const result = libc.ioctl(fd, SIOCSIFHWADDR, request);
  const failed = result < 0 ? errnoName(lastErrno()) : undefined;
  switchDevice(fd, device, true);
  if (failed !== undefined) throw new SennitError("kernel", failed, `MAC of ${device}: ${failed}`);
}

/** struct ethtool_value: the command, and its value. */
function commandOf(command: number, value: number): Buffer {
  const data = Buffer.alloc(8);
  data.writeUInt32LE(command, 0);
  data.writeUInt32LE(value >>> 0, 4);
  return data;
}

function ethtoolValue(fd: number, device: string, command: number): number | undefined {
  const data = commandOf(command, 0);
  return ethtool(fd, device, data) < 0 ? undefined : data.readUInt32LE(4);
}
