import koffi from "koffi";
import { constants as os } from "node:os";
import { SennitError } from "../../base/errors.ts";

/**
 * The C library calls that Node has no door to. One koffi call costs about 0.1 µs, so per-packet paths call them
 * directly on preallocated buffers. Struct layouts are those of 64-bit Linux, the same on x86-64 and arm64.
 */
const lib = koffi.load("libc.so.6");

/** A C function as the TypeScript function it is called as. Pointers are Buffers (or null). */
function bind<F>(prototype: string): F {
  return lib.func(prototype) as unknown as F;
}

type Pointer = Uint8Array | null;
type Transfer = (fd: number, buffer: Pointer, length: number) => number;
type Packet = (fd: number, buffer: Pointer, length: number, flags: number) => number;

export const libc = {
  socket: bind<(domain: number, type: number, protocol: number) => number>("int socket(int, int, int)"),
  bind: bind<Transfer>("int bind(int, const void *, uint32_t)"),
  connect: bind<Transfer>("int connect(int, const void *, uint32_t)"),
  /** `length` is a 4-byte Buffer, in and out. */
  getsockname: bind<(fd: number, address: Pointer, length: Pointer) => number>(
    "int getsockname(int, void *, void *)",
  ),
  getpeername: bind<(fd: number, address: Pointer, length: Pointer) => number>(
    "int getpeername(int, void *, void *)",
  ),
  setsockopt: bind<(fd: number, level: number, name: number, value: Pointer, length: number) => number>(
    "int setsockopt(int, int, int, const void *, uint32_t)",
  ),
  /** `length` is a 4-byte Buffer, in and out. */
  getsockopt: bind<(fd: number, level: number, name: number, value: Pointer, length: Pointer) => number>(
    "int getsockopt(int, int, int, void *, void *)",
  ),
  send: bind<Packet>("int64_t send(int, const void *, size_t, int)"),
  recv: bind<Packet>("int64_t recv(int, void *, size_t, int)"),
  open: bind<(path: string, flags: number) => number>("int open(const char *, int)"),
  close: bind<(fd: number) => number>("int close(int)"),
  fcntl: bind<(fd: number, command: number, argument: number) => number>("int fcntl(int, int, int)"),
  read: bind<Transfer>("int64_t read(int, void *, size_t)"),
  write: bind<Transfer>("int64_t write(int, const void *, size_t)"),
  /** read and write at an address (PacketMemory): a place in the middle of a buffer without an object per call. */
  readAt: bind<(fd: number, address: number, length: number) => number>(
    "int64_t read(int, uintptr_t, size_t)",
  ),
  writeAt: bind<(fd: number, address: number, length: number) => number>(
    "int64_t write(int, uintptr_t, size_t)",
  ),
  ioctl: bind<(fd: number, request: number, argument: Pointer) => number>(
    "int ioctl(int, unsigned long, void *)",
  ),
  /** `timeout` is a struct timespec, or null to wait for ever. */
  ppoll: bind<(fds: Pointer, count: number, timeout: Pointer, mask: Pointer) => number>(
    "int ppoll(void *, unsigned long, const void *, const void *)",
  ),
  waitpid: bind<(pid: number, status: Pointer, options: number) => number>("int waitpid(int, void *, int)"),
  setns: bind<(fd: number, type: number) => number>("int setns(int, int)"),
} as const;

const NAMES = new Map<number, string>(Object.entries(os.errno).map(([name, number]) => [number, name]));

/** "ECONNREFUSED" for 111: the names the manual pages use. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}

/** errno of the call just made on this thread. Read it before anything else is called. */
export function lastErrno(): number {
  return koffi.errno();
}

/**
 * The result of a system call, or a SennitError whose `code` is the errno's name and whose message says what was
 * tried. For calls where a failure is not part of normal operation.
 */
export function check(result: number, call: string): number {
  if (result >= 0) return result;
  const errno = lastErrno();
  throw new SennitError("kernel", errnoName(errno), `${call}: ${errnoName(errno)}`, {
    detail: { errno, call },
  });
}

/**
 * Where a Buffer's bytes are, for structs that hold pointers. Valid as long as the Buffer is referenced; only for
 * Buffers made by Buffer.alloc, whose memory does not move.
 */
export function addressOf(buffer: Uint8Array): bigint {
  return koffi.address(buffer);
}
