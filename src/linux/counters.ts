import { readFileSync } from "node:fs";

/** Bytes that a network device has received and sent since it was made, headers included. */
export interface DeviceCounter {
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** In /proc/net/dev behind the name: bytes received is field 0, bytes sent field 8 (proc_pid_net(5)). */
const [RECEIVED, SENT] = [0, 8];

/** The counters of every device of this process's network namespace. */
export function deviceCounters(): ReadonlyMap<string, DeviceCounter> {
  return parseDeviceCounters(readFileSync("/proc/net/dev", "utf8"));
}

/** The text of /proc/net/dev; lines that are not as expected are left out. */
export function parseDeviceCounters(text: string): ReadonlyMap<string, DeviceCounter> {
  const counters = new Map<string, DeviceCounter>();
  for (const line of text.split("\n").slice(2)) {
    const match = /^\s*(\S+):\s*(\d[\d\s]*)$/.exec(line);
    const fields = match?.[2]?.trim().split(/\s+/).map(Number);
    const [bytesIn, bytesOut] = [fields?.[RECEIVED], fields?.[SENT]];
    if (match?.[1] !== undefined && bytesIn !== undefined && bytesOut !== undefined) {
      counters.set(match[1], { bytesIn, bytesOut });
    }
  }
  return counters;
}
