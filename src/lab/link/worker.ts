import { setPriority } from "node:os";
import { workerData } from "node:worker_threads";
import { inNetns } from "../../linux/netns.ts";
import { Poller } from "../../linux/poll.ts";
import { openTunTap, type TunTap } from "../../linux/tuntap.ts";
import { Board } from "./board.ts";
import { seededRandom } from "./random.ts";
import { Wire } from "./wire.ts";

/** The thread that carries the frames of all emulated links of one lab. It blocks in ppoll(2), so it does nothing else. */
export interface LoopPlan {
  readonly links: readonly { readonly name: string; readonly ends: readonly [LoopEnd, LoopEnd] }[];
  readonly board: SharedArrayBuffer;
  readonly seed: string;
}

export interface LoopEnd {
  /** Path of the network namespace. */
  readonly netns: string;
  readonly device: string;
}

/** The longest that a change of settings waits, in milliseconds; 50 wakes a second cost nothing. */
const IDLE_MS = 20;
/**
 * After frames came in, more are let gather for so long: waking up costs some 30 microseconds of a core on a virtual
 * machine, so at 100 Mbit/s this halves the cost of a link. It adds at most as much to a delay.
 */
const NAP_MS = 0.6;
/** A sleep ends about 0.1 ms late, so it is aimed that much too early, and what is due by then goes at once. */
const EARLY_MS = 0.1;
/** Ahead of the programs under test: links keep their time while the machine is busy. */
const NICE = -10;

function run(plan: LoopPlan): void {
  const board = new Board(plan.board);
  const taps = plan.links.flatMap(({ ends }) =>
    ends.map(({ netns, device }) => inNetns(netns, () => openTunTap("tap", device))),
  );
  const tap = (index: number): TunTap => taps[index] as TunTap;
  // TAP 2n is the first end of link n, TAP 2n + 1 the second; direction 2n goes from the first to the second.
  const wires = taps.map((from, index) => {
    const name = `${plan.seed}/${plan.links[index >> 1]?.name}/${index & 1}`;
    return new Wire(from, tap(index ^ 1), board, index, seededRandom(name));
  });
  const poller = new Poller(taps.map(({ fd }) => fd));
  setPriority(NICE);
  try {
    loop(board, wires, taps, poller);
  } finally {
    for (const open of taps) open.close();
  }
}

function loop(board: Board, wires: readonly Wire[], taps: readonly TunTap[], poller: Poller): void {
  const sleeper = new Poller([]);
  let applied = 0;
  while (!board.stopped) {
    const wanted = board.wanted;
    if (wanted !== applied) {
      apply(board, wires, taps);
      applied = wanted;
      board.applied(applied);
    }
    let due = Infinity;
    let busy = false;
    for (let index = 0; index < wires.length; index++) {
      const wire = wires[index] as Wire;
      if (poller.readable(index)) {
        wire.receive(performance.now());
        busy = true;
      }
      wire.deliver(performance.now() + EARLY_MS);
      due = Math.min(due, wire.due);
    }
    if (busy) sleeper.wait(NAP_MS);
    poller.wait(Math.min(due - performance.now() - EARLY_MS, IDLE_MS));
  }
}

function apply(board: Board, wires: readonly Wire[], taps: readonly TunTap[]): void {
  for (const [index, wire] of wires.entries()) {
    const state = board.read(index);
    wire.apply(state);
    taps[index]?.setCarrier(state.carrier);
  }
}

run(workerData as LoopPlan);
