import koffi from "koffi";
import { check } from "../../src/linux/ffi/libc.ts";

const lib = koffi.load("libc.so.6");
const capget = lib.func("int capget(void *, void *)") as unknown as (header: Buffer, data: Buffer) => number;
const capset = lib.func("int capset(void *, void *)") as unknown as (header: Buffer, data: Buffer) => number;

/* linux/capability.h: struct __user_cap_data_struct[2] of effective, permitted, inheritable. */
const LINUX_CAPABILITY_VERSION_3 = 0x2008_0522;
const NET_BIND_SERVICE = 1 << 10;
const NET_ADMIN = 1 << 12;
const NET_RAW = 1 << 13;

/** Runs `fn` (synchronously) on this thread as someone who may not administer the network. */
export function withoutNetworkRights<T>(fn: () => T): T {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(LINUX_CAPABILITY_VERSION_3);
  const all = Buffer.alloc(24);
  check(capget(header, all), "capget");
  const less = Buffer.from(all);
  less.writeUInt32LE((all.readUInt32LE() & ~(NET_BIND_SERVICE | NET_ADMIN | NET_RAW)) >>> 0);
  check(capset(header, less), "capset");
  try {
    return fn();
  } finally {
    check(capset(header, all), "capset back");
  }
}
