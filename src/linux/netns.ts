import { closeSync, openSync } from "node:fs";
import { check, libc } from "./ffi/libc.ts";

/** From linux/sched.h. */
const CLONE_NEWNET = 0x4000_0000;
const HERE = "/proc/thread-self/ns/net";

export { netnsPath } from "./namespaces.ts";

/**
 * Runs `fn` with this thread inside the network namespace at `path` (`/run/netns/NAME` or `/proc/PID/ns/net`), and
 * comes back whatever happens. `fn` must be synchronous: a namespace belongs to the thread, so nothing else may run
 * in between. What `fn` opened (sockets, TAPs) stays in that namespace for good (setns(2)).
 */
export function inNetns<T>(path: string, fn: () => T): T {
  const home = openSync(HERE, "r");
  try {
    const target = openSync(path, "r");
    try {
      check(libc.setns(target, CLONE_NEWNET), `setns ${path}`);
    } finally {
      closeSync(target);
    }
    try {
      return fn();
    } finally {
      check(libc.setns(home, CLONE_NEWNET), "setns back");
    }
  } finally {
    closeSync(home);
  }
}
