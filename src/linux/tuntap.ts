import { check, errnoName, lastErrno, libc } from "./ffi/libc.ts";
import { SennitError } from "../base/errors.ts";

/* linux/if_tun.h and fcntl.h */
const O_RDWR_NONBLOCK_CLOEXEC = 0o2 | 0o4000 | 0o2000000;
const TUNSETIFF = 0x400454ca;
const TUNSETCARRIER = 0x400454e2;
const IFF_TUN = 0x0001;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFNAMSIZ = 16;
const IFREQ_SIZE = 40;

/** A network device whose far end is this process: Ethernet frames (tap) or IP packets (tun), one per read or write. */
export interface TunTap {
  readonly name: string;
  readonly fd: number;
  /** Bytes of the next packet put into `buffer`, or 0 when none waits. */
  read(buffer: Uint8Array): number;
  /** False when the kernel would not take the packet now (device down, queue full): it is lost, as on a wire. */
  write(packet: Uint8Array): boolean;
  /** Plugs the cable in or out, as the device's owner sees it (`NO-CARRIER`). */
  setCarrier(on: boolean): void;
  close(): void;
}

/**
 * Opens (and so creates) a TUN or TAP device in the calling thread's network namespace. It vanishes with the last
 * descriptor. Fails with EBUSY where the name is taken, EPERM without CAP_NET_ADMIN, ENOENT without /dev/net/tun.
 */
export function openTunTap(kind: "tun" | "tap", name: string): TunTap {
  if (!/^[\w.-]{1,15}$/.test(name)) {
    throw new SennitError("bug", "bad-device-name", `not a device name: ${JSON.stringify(name)}`);
  }
  const fd = check(libc.open("/dev/net/tun", O_RDWR_NONBLOCK_CLOEXEC), "open /dev/net/tun");
  const request = Buffer.alloc(IFREQ_SIZE);
  request.write(name, 0, "latin1");
  request.writeUInt16LE((kind === "tun" ? IFF_TUN : IFF_TAP) | IFF_NO_PI, IFNAMSIZ);
  if (libc.ioctl(fd, TUNSETIFF, request) < 0) {
    const errno = errnoName(lastErrno());
    libc.close(fd);
    throw new SennitError("kernel", errno, `create ${kind} ${name}: ${errno}`);
  }
  const carrier = Buffer.alloc(4);
  return {
    name,
    fd,
    read(buffer) {
      return Math.max(libc.read(fd, buffer, buffer.length), 0);
    },
    write: (packet) => libc.write(fd, packet, packet.length) === packet.length,
    setCarrier(on) {
      carrier.writeInt32LE(on ? 1 : 0);
      check(libc.ioctl(fd, TUNSETCARRIER, carrier), `carrier ${on ? "on" : "off"} for ${name}`);
    },
    close: () => void libc.close(fd),
  };
}
