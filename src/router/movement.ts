import type { DataReport } from "../control/messages.ts";

/** What connections over one WAN tell. */
export interface Moved {
  /** Since the server was last heard to have acknowledged, or sent, new bytes (ms). */
  readonly ackedMs: number | undefined;
  /** The least round trip of those that were heard lately. */
  readonly rttMs: number | undefined;
}

interface Seen {
  readonly bytes: number;
  /** When new bytes were heard of last (ms); undefined before. */
  readonly movedAt: number | undefined;
  readonly address: string;
  readonly rttMs: number | null;
  readonly heardAt: number;
}

/** A round trip that was measured longer ago (ms) tells nothing of now. */
const FRESH_MS = 2000;

/** Follows the bytes of every subflow from report to report. */
export class Movement {
  #subflows = new Map<string, Seen>();

  /** Takes a report that has just come (ms). */
  look(now: number, report: DataReport | undefined): void {
    const next = new Map<string, Seen>();
    for (const { id, carriers } of report?.sessions ?? []) {
      for (const { number, subflows } of carriers) {
        for (const { local, localAddress, remote, bytesIn, bytesOut, silentMs, rttMs } of subflows) {
          const key = `${id} ${number} ${local} ${remote}`;
          const before = this.#subflows.get(key);
          const bytes = bytesIn + bytesOut;
          const moved = before !== undefined && bytes > before.bytes;
          const heardAt = Math.max(now - silentMs, before?.heardAt ?? -Infinity);
          next.set(key, {
            bytes,
            movedAt: moved ? heardAt : before?.movedAt,
            address: localAddress,
            rttMs,
            heardAt,
          });
        }
      }
    }
    this.#subflows = next;
  }

  /** Of the WAN that has these addresses. */
  of(now: number, addresses: readonly string[]): Moved {
    const ours = [...this.#subflows.values()].filter(({ address }) => addresses.includes(address));
    const moved = ours.flatMap(({ movedAt }) => movedAt ?? []);
    const trips = ours.filter(({ heardAt }) => now - heardAt < FRESH_MS).flatMap(({ rttMs }) => rttMs ?? []);
    return {
      ackedMs: moved.length === 0 ? undefined : now - Math.max(...moved),
      rttMs: trips.length === 0 ? undefined : Math.min(...trips),
    };
  }
}
