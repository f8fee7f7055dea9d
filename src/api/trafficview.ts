import type { CarrierReport, DataReport } from "../control/messages.ts";
import { Ages } from "../control/ages.ts";
import { Rates, type Counter } from "../control/rates.ts";
import type { CarrierStatus, SessionStatus, StatusReport, SubflowStatus, Traffic } from "./status.ts";

/** Which direction leads to the users: what a router receives, what a server sends. */
export type DownIs = "in" | "out";

type TrafficParts = Pick<StatusReport, "traffic" | "sessions" | "carriers" | "subflows" | "flows">;

const NOTHING: TrafficParts = {
  traffic: { rate: { down: 0, up: 0 }, bytes: { down: 0, up: 0 } },
  sessions: [],
  carriers: [],
  subflows: [],
  flows: { open: 0, opened: 0, refused: 0, reset: 0, moved: 0, carriersLost: 0 },
};

/** Turns what the data process reports into what the status shows of it: rates, directions, names of WANs. */
export class TrafficView {
  readonly #downIs: DownIs;
  readonly #rates = new Rates();
  readonly #ages = new Ages();
  #parts = NOTHING;

  constructor(downIs: DownIs) {
    this.#downIs = downIs;
  }

  /** As of the last report. */
  get parts(): TrafficParts {
    return this.#parts;
  }

  /** Takes a report, or undefined when the data process is gone. `wanOf` names the WAN with that local address. */
  update(now: number, report: DataReport | undefined, wanOf: (localAddress: string) => string | null): void {
    this.#ages.retain(report?.sessions.map(({ id }) => id) ?? []);
    if (report === undefined) {
      this.#parts = NOTHING;
      return;
    }
    this.#rates.update(now, counters(report));
    this.#parts = {
      traffic: this.#traffic("all", report),
      // A session is with nobody until its process has orders.
      sessions: report.sessions
        .filter(({ peer }) => peer !== "")
        .map((session): SessionStatus => {
          const { outageMs, wasUp } = session;
          const state = outageMs === null ? "up" : wasUp ? "lost" : "connecting";
          return {
            peer: session.peer,
            label: session.label,
            state: this.#ages.of(session.id, state, now),
            graceLeftMs: state === "lost" && session.flows > 0 ? session.graceLeftMs : null,
            carriers: session.carriers.filter((carrier) => !carrier.draining).length,
            flows: session.flows,
            parked: session.parked,
            bulk: session.bulk,
          };
        }),
      carriers: this.#carriers(report),
      subflows: this.#subflows(report, wanOf),
      flows: { open: report.sessions.reduce((sum, { flows }) => sum + flows, 0), ...report.counts },
    };
  }

  #carriers(report: DataReport): CarrierStatus[] {
    return report.sessions.flatMap((session) =>
      session.carriers.map((carrier) => ({
        id: carrier.number,
        session: session.peer,
        transport: carrier.transport,
        mptcp: carrier.mptcp,
        wan: onlyWanOf(carrier),
        state: { name: carrier.draining ? "draining" : "ready", ageMs: carrier.ageMs },
        flows: carrier.flows,
        queuedBytes: carrier.queuedBytes,
        subflows: carrier.subflows.length,
        ageMs: carrier.ageMs,
        traffic: this.#traffic(carrierKey(session.id, carrier.number), carrier),
      })),
    );
  }

  #subflows(report: DataReport, wanOf: (localAddress: string) => string | null): SubflowStatus[] {
    return report.sessions.flatMap((session) =>
      session.carriers.flatMap((carrier) =>
        carrier.subflows.map((subflow) => ({
          carrier: carrier.number,
          wan: onlyWanOf(carrier) ?? wanOf(subflow.localAddress),
          local: subflow.local,
          remote: subflow.remote,
          rttMs: subflow.rttMs,
          traffic: this.#traffic(`${subflow.local} ${subflow.remote}`, subflow),
        })),
      ),
    );
  }

  #traffic(key: string, counter: Counter): Traffic {
    return directed(this.#downIs, this.#rates.of(key), { in: counter.bytesIn, out: counter.bytesOut });
  }
}

/** Rates and bytes of something as seen from this end, as down and up. */
export function directed(
  downIs: DownIs,
  rate: { readonly in: number; readonly out: number },
  bytes: { readonly in: number; readonly out: number },
): Traffic {
  const upIs = downIs === "in" ? "out" : "in";
  return { rate: { down: rate[downIs], up: rate[upIs] }, bytes: { down: bytes[downIs], up: bytes[upIs] } };
}

/** A plain connection has one WAN, which its address need not tell: another may have the same. */
const onlyWanOf = ({ mptcp, way }: CarrierReport): string | null => (mptcp ? null : way);

function carrierKey(session: string, number: number): string {
  return `carrier ${session} ${number}`;
}

function* counters(report: DataReport): Iterable<readonly [string, Counter]> {
  yield ["all", report];
  for (const session of report.sessions) {
    for (const carrier of session.carriers) {
      yield [carrierKey(session.id, carrier.number), carrier];
      for (const subflow of carrier.subflows) yield [`${subflow.local} ${subflow.remote}`, subflow];
    }
  }
}
