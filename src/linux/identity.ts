import { readFileSync, statSync } from "node:fs";
import { inNetns } from "./netns.ts";

/**
 * Names this boot and the network namespace at `netns` (or our own), for notes about kernel state: state of another
 * boot or namespace is gone. The inode number may come again once its namespace has ended, within one boot.
 */
export function namespaceIdentity(netns?: string): string {
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const inode = (): number => statSync("/proc/thread-self/ns/net").ino;
  return `${boot}/net:${netns === undefined ? inode() : inNetns(netns, inode)}`;
}
