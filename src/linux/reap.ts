import { libc } from "./ffi/libc.ts";

/* linux/wait.h */
const WNOHANG = 1;

/**
 * Lets the kernel forget a child that has ended, where Node does not know that it is one: after `process.execve` we are
 * the same process with the same children. Harmless where there is no such child, or it runs. Not for children that Node
 * started: it would never hear of their end.
 */
export function reap(pid: number): void {
  libc.waitpid(pid, null, WNOHANG);
}
