import type { DataPlane } from "../../src/control/datahost.ts";
import type { CarrierReport, DataMessage, DataReport, Orders } from "../../src/control/messages.ts";

/** A data plane that does nothing but remember; its report says how many orders it carried out (`opened`). */
export class FakePlane implements DataPlane {
  readonly orders: Orders[] = [];
  readonly tell: (event: DataMessage) => void;
  /** Said instead of carrying out orders. */
  failure: Error | undefined;
  draining = false;
  stopped = false;
  /** Flows that its one session has. */
  flows = 0;
  /** Carriers that it has. */
  attached = 0;

  constructor(tell: (event: DataMessage) => void = () => undefined) {
    this.tell = tell;
  }

  async configure(orders: Orders): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.orders.push(orders);
    this.tell({ type: "changed" });
  }

  report(): DataReport {
    return {
      pid: process.pid,
      rssBytes: 1,
      heldBytes: 0,
      limitBytes: 0,
      sessions: this.flows + this.attached === 0 ? [] : [sessionWith(this.flows, this.attached)],
      counts: { opened: this.orders.length, refused: 0, reset: 0, moved: 0, carriersLost: 0 },
      bytesIn: 0,
      bytesOut: 0,
      intercepting: null,
      enrolments: [],
      unused: [],
      ways: [],
      trouble: null,
    };
  }

  async drain(): Promise<void> {
    this.draining = true;
  }

  async stop(): Promise<void> {
    this.stopped = true;
  }
}

/** Orders that are told apart by their number of carriers. */
export const ordersWith = (carriers: number): Orders => ({
  role: "router",
  privateKey: "key",
  pin: "00".repeat(32),
  invite: { id: "00".repeat(8), secret: "00".repeat(24) },
  endpoints: [],
  ways: [],
  carriers,
  maxCarriers: 32,
  graceMs: 60_000,
  workers: 1,
  ports: null,
});

const sessionWith = (flows: number, carriers: number): DataReport["sessions"][number] => ({
  id: "00".repeat(16),
  peer: "peer",
  label: "label",
  ageMs: 0,
  wasUp: true,
  outageMs: null,
  graceLeftMs: null,
  flows,
  parked: flows,
  bulk: 0,
  peerLeaves: false,
  carriers: Array.from({ length: carriers }, (_, number) => carrierWith(number)),
});

const carrierWith = (number: number): CarrierReport => ({
  number,
  transport: "tcp",
  mptcp: false,
  way: null,
  draining: false,
  flows: 0,
  queuedBytes: 0,
  ageMs: 0,
  bytesIn: 0,
  bytesOut: 0,
  subflows: [],
});
