import { addressOf, check, libc } from "./ffi/libc.ts";

/* linux/if.h, linux/sockios.h, linux/ethtool.h */
const IFNAMSIZ = 16;
const IFREQ_SIZE = 40;
const SIOCETHTOOL = 0x8946;
const ETHTOOL_GDRVINFO = 0x03;
/** struct ethtool_drvinfo: cmd, driver[32], version[32], fw_version[32], bus_info[32], ... */
const DRVINFO_SIZE = 196;
const DRIVER = { at: 4, size: 32 } as const;

const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;

/** A socket to ask about devices by, for as long as `use` takes: of the calling thread's network namespace. */
export function withDeviceSocket<T>(use: (fd: number) => T): T {
  const fd = check(libc.socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0), "socket");
  try {
    return use(fd);
  } finally {
    libc.close(fd);
  }
}

/** A struct ifreq for a device: its name, and room for what is asked from byte 16 on. */
export function deviceRequest(device: string): Buffer {
  const request = Buffer.alloc(IFREQ_SIZE);
  request.write(device.slice(0, IFNAMSIZ - 1), 0, "latin1");
  return request;
}

/** SIOCETHTOOL with a command's struct; the kernel's answer is in `data`. Less than 0 where it refuses. */
export function ethtool(fd: number, device: string, data: Buffer): number {
  const request = deviceRequest(device);
  request.writeBigUInt64LE(addressOf(data), IFNAMSIZ);
  return libc.ioctl(fd, SIOCETHTOOL, request);
}

/** The kernel's driver of a device ("e1000e", "cdc_ether", "veth"); undefined where there is no such device, or it has none. */
export function driverOf(device: string): string | undefined {
  return withDeviceSocket((fd) => {
    const data = Buffer.alloc(DRVINFO_SIZE);
    data.writeUInt32LE(ETHTOOL_GDRVINFO, 0);
    if (ethtool(fd, device, data) < 0) return undefined;
    const name = data.toString("latin1", DRIVER.at, DRIVER.at + DRIVER.size).replace(/\0.*$/s, "");
    return name === "" ? undefined : name;
  });
}
