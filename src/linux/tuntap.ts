import { check, errnoName, lastErrno, libc } from "./ffi/libc.ts";
import { SennitError } from "../base/errors.ts";
import type { PacketMemory } from "./packetmemory.ts";

/* linux/if_tun.h and fcntl.h */
const O_RDWR_NONBLOCK_CLOEXEC = 0o2 | 0o4000 | 0o2000000;
const TUNSETIFF = 0x400454ca;
const TUNSETCARRIER = 0x400454e2;
const IFF_TUN = 0x0001;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFNAMSIZ = 16;
const IFREQ_SIZE = 40;

export type TunTapKind = "tun" | "tap";

/** A network device whose far end is this process: Ethernet frames (tap) or IP packets (tun), one per read or write. */
export interface TunTap {
  readonly name: string;
  readonly fd: number;
  /** Bytes of the next packet, put into `memory` from `offset` on (cut to `length`), or 0 when none waits. */
  read(memory: PacketMemory, offset: number, length: number): number;
  /** False when the kernel would not take the packet (device down): it is lost, as on a wire. */
  write(memory: PacketMemory, offset: number, length: number): boolean;
  /** Plugs the cable in or out, as the device's owner sees it (`NO-CARRIER`). */
  setCarrier(on: boolean): void;
  /** The device vanishes. Calling it again is harmless. */
  close(): void;
}

export type OpenTunTap = (kind: TunTapKind, name: string) => TunTap;

/** As the kernel's dev_valid_name(), narrowed to what needs no quoting anywhere. */
export function checkDeviceName(name: string): void {
  if (!/^\w[\w.-]{0,14}$/.test(name)) {
    throw new SennitError("bug", "bad-device-name", `not a device name: ${JSON.stringify(name)}`);
  }
}

/**
 * Opens (and so creates) a TUN or TAP device in the calling thread's network namespace. It vanishes with the last
 * descriptor. Fails with EBUSY where the name is taken by an open one, EINVAL where by another kind of device, EPERM
 * without CAP_NET_ADMIN, ENOENT without /dev/net/tun.
 */
export const openTunTap: OpenTunTap = (kind, name) => {
  checkDeviceName(name);
  const fd = check(libc.open("/dev/net/tun", O_RDWR_NONBLOCK_CLOEXEC), "open /dev/net/tun");
  const request = Buffer.alloc(IFREQ_SIZE);
  request.write(name, 0, "latin1");
  request.writeUInt16LE((kind === "tun" ? IFF_TUN : IFF_TAP) | IFF_NO_PI, IFNAMSIZ);
  if (libc.ioctl(fd, TUNSETIFF, request) < 0) {
    const errno = errnoName(lastErrno());
    libc.close(fd);
    throw new SennitError("kernel", errno, `create ${kind} ${name}: ${errno}`);
  }
  return new KernelTunTap(name, fd);
};

class KernelTunTap implements TunTap {
  readonly name: string;
  fd: number;

  constructor(name: string, fd: number) {
    this.name = name;
    this.fd = fd;
  }

  read(memory: PacketMemory, offset: number, length: number): number {
    return Math.max(libc.readAt(this.fd, memory.at(offset, length), length), 0);
  }

  write(memory: PacketMemory, offset: number, length: number): boolean {
    return libc.writeAt(this.fd, memory.at(offset, length), length) === length;
  }

  setCarrier(on: boolean): void {
    const carrier = Buffer.alloc(4);
    carrier.writeInt32LE(on ? 1 : 0);
    check(libc.ioctl(this.fd, TUNSETCARRIER, carrier), `carrier ${on ? "on" : "off"} for ${this.name}`);
  }

  close(): void {
    // The number may be another's as soon as it is free.
    if (this.fd >= 0) libc.close(this.fd);
    this.fd = -1;
  }
}
