import { setPriority } from "node:os";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { inNetns } from "../../linux/netns.ts";
import { Poller } from "../../linux/poll.ts";
import { openTunTap, type TunTap } from "../../linux/tuntap.ts";
import { Board } from "./board.ts";
import { seededRandom } from "./random.ts";
import type { DirectionState } from "./settings.ts";
import { Wire } from "./wire.ts";

/** The thread that carries the frames of all emulated links of one lab. It blocks in ppoll(2), so it does nothing else. */
export interface LoopPlan {
  readonly links: readonly EmulatedLink[];
  readonly board: SharedArrayBuffer;
  readonly seed: string;
}

export interface EmulatedLink {
  readonly name: string;
  readonly ends: readonly [LoopEnd, LoopEnd];
  /** From the first end to the second, and back. */
  readonly up: DirectionState;
  readonly down: DirectionState;
}

/** What a link is to be from now on. */
export interface StateChange extends Pick<EmulatedLink, "up" | "down"> {
  /** Its place in the plan. */
  readonly link: number;
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
  const wires = plan.links.flatMap(({ name, up, down }, link) =>
    [up, down].map((state, way) => {
      const index = link * 2 + way;
      const random = seededRandom(`${plan.seed}/${name}/${way}`);
      return new Wire(tap(index), tap(index ^ 1), board.counterView(index), state, random);
    }),
  );

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
      applyChanges(wires, taps);
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

/** What was sent before `wanted` was raised is there: messages are handed over when they are posted. */
function applyChanges(wires: readonly Wire[], taps: readonly TunTap[]): void {
  if (parentPort === null) return;
  for (
    let next = receiveMessageOnPort(parentPort);
    next !== undefined;
    next = receiveMessageOnPort(parentPort)
  ) {
    const { link, up, down } = next.message as StateChange;
    for (const [way, state] of [up, down].entries()) {
      wires[link * 2 + way]?.apply(state, performance.now());
      taps[link * 2 + way]?.setCarrier(state.carrier);
    }
  }
}

run(workerData as LoopPlan);
