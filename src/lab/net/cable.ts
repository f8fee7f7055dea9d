import { z } from "zod";
import type { DirectionCounters } from "../link/board.ts";
import type { Medium } from "../link/lablink.ts";
import type { DirectionState } from "../link/settings.ts";
import type { BothDirections } from "../topology/linksettings.ts";
import type { LabHost } from "./host.ts";

/** One end of a cable. */
export interface CableEnd {
  readonly host: LabHost;
  readonly device: string;
}

/**
 * A cable of the kernel's (veth). It can be pulled or swallow everything, no more. Pulling it switches both devices
 * off, as veth knows no carrier of its own; what hung on them is put back with them.
 */
export class Cable implements Medium {
  readonly #first: CableEnd;
  readonly #second: CableEnd;
  #carrier = true;

  constructor(first: CableEnd, second: CableEnd) {
    this.#first = first;
    this.#second = second;
  }

  async apply({ up, down }: BothDirections<DirectionState>): Promise<void> {
    await Promise.all([
      this.#second.host.blackhole(this.#second.device, !up.open),
      this.#first.host.blackhole(this.#first.device, !down.open),
    ]);
    const carrier = up.carrier && down.carrier;
    if (carrier === this.#carrier) return;
    this.#carrier = carrier;
    for (const { host, device } of [this.#first, this.#second]) await host.switchDevice(device, carrier);
  }

  async counters(): Promise<BothDirections<DirectionCounters>> {
    const [first, second] = await Promise.all([statsOf(this.#first), statsOf(this.#second)]);
    return { up: direction(first.tx, second.rx), down: direction(second.tx, first.rx) };
  }
}

const stats = z.object({ bytes: z.number(), packets: z.number(), dropped: z.number() });
const shown = z.tuple([z.object({ stats64: z.object({ rx: stats, tx: stats }) })]);
type Stats = z.output<typeof stats>;

async function statsOf({ host, device }: CableEnd): Promise<{ readonly rx: Stats; readonly tx: Stats }> {
  const { stdout } = await host.exec(["ip", "-json", "-statistics", "link", "show", "dev", device]);
  return shown.parse(JSON.parse(stdout))[0].stats64;
}

/** A cable loses only what its device would not take. */
function direction(sent: Stats, received: Stats): DirectionCounters {
  const none = { lost: 0, overflowed: 0, filtered: 0, held: 0, backlog: 0 };
  const [delivered, cut] = [received.packets, sent.dropped];
  return { ...none, offered: delivered + cut, delivered, bytes: received.bytes, cut };
}
