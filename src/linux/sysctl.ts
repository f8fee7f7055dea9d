import { readFileSync, writeFileSync } from "node:fs";
import { SennitError } from "../base/errors.ts";
import { inNetns } from "./netns.ts";

/**
 * Kernel settings of one network namespace. A key is the path below /proc/sys with slashes ("net/ipv4/conf/eth0.7/rp_filter"):
 * with dots, as sysctl(8) prefers, a VLAN's name would fall apart.
 */
export interface Sysctl {
  /** The value as the kernel prints it, without the newline; undefined where this kernel or namespace has no such key. */
  get(key: string): string | undefined;
  /** Rejects with the errno's name as code: ENOENT (no such key), EINVAL (no such value), EACCES or EPERM (read-only). */
  set(key: string, value: string): void;
}

/**
 * Only what lies below net/ belongs to a network namespace; anything else, or a way up, would be the whole machine's.
 * Throws `bad-sysctl-key`.
 */
export function checkKey(key: string): void {
  const parts = key.split("/");
  if (parts[0] !== "net" || !parts.every((part) => /^[\w@:+.-]+$/.test(part) && !/^\.+$/.test(part)))
    throw new SennitError("bug", "bad-sysctl-key", `not a key below net/: ${key}`);
}

/**
 * The settings of the network namespace at `netns`, or of our own. /proc/sys/net shows the namespace of the thread
 * that opens the file, and opening, reading and writing take microseconds: so this is synchronous on purpose.
 */
export function createSysctl(netns?: string): Sysctl {
  const within = <T>(fn: () => T): T => (netns === undefined ? fn() : inNetns(netns, fn));
  return {
    get: (key) =>
      within(() => {
        try {
          return readFileSync(pathOf(key), "utf8").replace(/\n$/, "");
        } catch (error) {
          if (codeOf(error) === "ENOENT") return undefined;
          throw refused("read", key, error);
        }
      }),
    set: (key, value) =>
      within(() => {
        try {
          // Never create: a key that is gone with its device must be ENOENT, not a stray file.
          writeFileSync(pathOf(key), value, { flag: "r+" });
        } catch (error) {
          throw refused(`write "${value}" to`, key, error);
        }
      }),
  };
}

function pathOf(key: string): string {
  checkKey(key);
  return `/proc/sys/${key}`;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "sysctl-failed";
}

function refused(verb: string, key: string, error: unknown): SennitError {
  const code = codeOf(error);
  return new SennitError("kernel", code, `${verb} sysctl ${key}: ${code}`, {
    detail: { key },
    cause: error,
  });
}
