import { Queue, type QueueSight } from "../wan/queue.ts";
import { Room } from "../wan/room.ts";
import type { Carrier } from "./carrier.ts";
import type { Flow } from "./flow.ts";

/** Carriers that are asked at one look for what their paths tell: enough for a median, however many there are. */
const ASKED = 6;

/** Lets flows that have much to say send as long as there is room for bulk, in turns. */
export class Throttle {
  readonly #queue = new Queue();
  readonly #room = new Room();
  #underway = 0;
  /** Flows that wait for room, in the order they came. */
  readonly #waiting = new Set<Flow>();

  /** Whether the flow may send now; if not, it is told to go on once it may. */
  admits(flow: Flow): boolean {
    if (!flow.pace.isBulk || this.#underway < this.#room.bytes) {
      this.#waiting.delete(flow);
      return true;
    }
    this.#waiting.add(flow);
    return false;
  }

  /** So many more bytes are under way to the peer, or fewer. */
  moved(bytes: number): void {
    this.#underway += bytes;
    if (bytes < 0) this.#release();
  }

  forget(flow: Flow): void {
    this.#waiting.delete(flow);
  }

  /** To be called every ROOM_TICK_MS. */
  look(carriers: Iterable<Carrier>, bulkFlows: number, others: boolean): void {
    if (bulkFlows > 1) this.#queue.look(sightsOf(carriers));
    const { waitMs, rttMs } = this.#queue;
    this.#room.look({ bulkFlows, others, underway: this.#underway, waitMs, rttMs });
    this.#release();
  }

  #release(): void {
    for (const flow of this.#waiting) {
      if (this.#underway >= this.#room.bytes) return;
      this.#waiting.delete(flow);
      flow.goOn();
    }
  }
}

/** Of those that moved most lately: what others tell is old. */
function sightsOf(carriers: Iterable<Carrier>): readonly QueueSight[] {
  const busiest = [...carriers].sort((a, b) => b.rate - a.rate).slice(0, ASKED);
  return busiest.flatMap((carrier) =>
    (carrier.info()?.subflows ?? []).flatMap(({ local, remote, rttMs, minRttMs }) =>
      rttMs === undefined || minRttMs === undefined
        ? []
        : [{ path: `${local.address} ${remote.address}`, rttMs, minRttMs }],
    ),
  );
}
