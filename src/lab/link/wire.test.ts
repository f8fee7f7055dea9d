import { beforeEach, describe, expect, test } from "vitest";
import { FakeTunTaps } from "../../linux/fake/tuntap.ts";
import { settingsOf } from "../topology/linksettings.ts";
import { Board } from "./board.ts";
import { seededRandom } from "./random.ts";
import type { DirectionState } from "./settings.ts";
import { Wire } from "./wire.ts";

/** 1000 bytes take 1 ms. */
const STATE: DirectionState = {
  ...settingsOf({ rate: 8e6, delay: 10, queue: 5000 }),
  open: true,
  carrier: true,
};

let taps: FakeTunTaps;
let board: Board;
let wire: Wire;
/** Sizes. */
let arrived: number[];

beforeEach(() => {
  taps = new FakeTunTaps();
  const [near, far] = [taps.open("tap", "near"), taps.open("tap", "far")];
  taps.switch("near", true);
  taps.switch("far", true);
  arrived = [];
  taps.listen("far", (packet) => arrived.push(packet.length));
  board = Board.forDirections(1);
  wire = new Wire(near, far, board.counterView(0), STATE, seededRandom("x"));
});

const send = (...sizes: number[]): void => {
  for (const size of sizes) taps.send("near", new Uint8Array(size));
};

/** Every frame that entered is somewhere. */
function conserved(): void {
  const { offered, delivered, lost, overflowed, filtered, cut, held } = board.counters(0);
  expect(delivered + lost + overflowed + filtered + cut + held).toBe(offered);
  expect(delivered).toBe(arrived.length);
}

describe("one direction of a link", () => {
  test("frames arrive when they are due, and are counted on the way", () => {
    send(1000, 500);
    wire.receive(0);
    expect(wire.due).toBe(11);
    expect(board.counters(0)).toMatchObject({ offered: 2, held: 2, backlog: 1500 });
    wire.deliver(10.9);
    expect(arrived).toEqual([]);
    wire.deliver(11);
    expect(arrived).toEqual([1000]);
    wire.deliver(11.5);
    expect(arrived).toEqual([1000, 500]);
    expect(wire.due).toBe(Infinity);
    expect(board.counters(0)).toMatchObject({ delivered: 2, bytes: 1500, held: 0, backlog: 0 });
    conserved();
  });

  test("the queue overflows", () => {
    send(...Array<number>(10).fill(1000));
    wire.receive(0);
    wire.deliver(1000);
    expect(board.counters(0)).toMatchObject({ offered: 10, delivered: 5, overflowed: 5 });
    conserved();
  });

  test("loss by chance", () => {
    wire.apply({ ...STATE, loss: 1000 }, 0);
    send(100, 100);
    wire.receive(0);
    expect(board.counters(0)).toMatchObject({ offered: 2, lost: 2, held: 0 });
    conserved();
  });

  test("more packets than the limit", () => {
    wire.apply({ ...STATE, queue: Infinity, limit: 3 }, 0);
    send(60, 1500, 60, 60);
    wire.receive(0);
    expect(board.counters(0)).toMatchObject({ held: 3, overflowed: 1 });
    // The first has arrived at 10.06 ms, so there is room for one.
    send(60, 60);
    wire.receive(10.1);
    expect(board.counters(0)).toMatchObject({ delivered: 1, held: 3, overflowed: 2 });
    conserved();
  });

  test("what is held back is overtaken, and comes after all", () => {
    wire.apply({ ...STATE, reorder: { share: 1000, by: 5 } }, 0);
    send(1000);
    wire.receive(0);
    wire.apply(STATE, 0);
    send(500, 600);
    wire.receive(0);
    expect(board.counters(0)).toMatchObject({ held: 3 });
    // 1000 at 11 and 5 more; the others at 11.5 and 12.1.
    wire.deliver(15.9);
    expect(arrived).toEqual([500, 600]);
    expect(wire.due).toBe(16);
    wire.deliver(16);
    expect(arrived).toEqual([500, 600, 1000]);
    conserved();
  });

  test("frames are filtered by what they are", () => {
    wire.apply({ ...STATE, mtuBlackhole: 1000 }, 0);
    const packet = (size: number): Uint8Array => {
      const frame = new Uint8Array(14 + size);
      frame.set([0x08, 0x00], 12);
      return frame;
    };
    taps.send("near", packet(1000));
    taps.send("near", packet(1001));
    wire.receive(0);
    wire.deliver(1000);
    expect(arrived).toEqual([1014]);
    expect(board.counters(0)).toMatchObject({ offered: 2, filtered: 1 });
    conserved();
  });

  test("a black hole swallows what enters and what was on its way", () => {
    send(100);
    wire.receive(0);
    wire.apply({ ...STATE, open: false }, 0);
    send(100);
    wire.receive(1);
    wire.deliver(1000);
    expect(arrived).toEqual([]);
    expect(board.counters(0)).toMatchObject({ offered: 2, cut: 2, held: 0 });
    wire.apply(STATE, 0);
    send(100);
    wire.receive(1000);
    wire.deliver(2000);
    expect(arrived).toEqual([100]);
    conserved();
  });

  test("a pulled cable loses what was on it", () => {
    send(100, 100);
    wire.receive(0);
    wire.apply({ ...STATE, carrier: false }, 0);
    expect(board.counters(0)).toMatchObject({ offered: 2, cut: 2, held: 0 });
    wire.deliver(1000);
    expect(arrived).toEqual([]);
    conserved();
  });

  test("a receiver that is off takes nothing", () => {
    taps.switch("far", false);
    send(100);
    wire.receive(0);
    wire.deliver(1000);
    expect(board.counters(0)).toMatchObject({ cut: 1, held: 0 });
    conserved();
  });

  test("a link that needs more memory gets it, with all that is on its way", () => {
    send(1000, 1000);
    wire.receive(0);
    wire.apply({ ...STATE, rate: 300e6, delay: 300, queue: 10e6 }, 0);
    for (let round = 0; round < 20; round++) {
      send(...Array<number>(500).fill(1500));
      while (board.counters(0).offered < 2 + 500 * (round + 1)) wire.receive(1);
    }
    // 15 MB: more than the first memory had room for.
    expect(board.counters(0)).toMatchObject({ offered: 10_002, overflowed: 3334 });
    wire.deliver(10_000);
    expect(arrived.slice(0, 3)).toEqual([1000, 1000, 1500]);
    conserved();
  });
});

describe("the board", () => {
  test("a commit settles when the loop has applied it, and gives up when it has not", async () => {
    expect(await board.commit(1)).toBe(false);
    const committed = board.commit(5000);
    const loop = new Board(board.buffer);
    loop.applied(loop.wanted);
    expect(await committed).toBe(true);
  });
});
