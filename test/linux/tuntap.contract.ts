import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { PacketMemory } from "../../src/linux/packetmemory.ts";
import type { OpenTunTap, TunTap } from "../../src/linux/tuntap.ts";

/** A host with devices of ours, and a bridge that joins two of them. */
export interface TunTapWorld {
  readonly open: OpenTunTap;
  /** Switches a device on or off. */
  up(name: string, on: boolean): Promise<void>;
  /** What one device's host side takes in comes out of the other. */
  bridge(first: string, second: string): Promise<void>;
  close(): Promise<void>;
}

/** An Ethernet broadcast of an experimental type (IEEE 802, 0x88b5), which nothing answers. */
function frame(mark: number, size = 60): Buffer {
  const bytes = Buffer.alloc(size, mark);
  bytes.write("ffffffffffff02000000000188b5", 0, "hex");
  return bytes;
}

const memory = new PacketMemory(4096);

function write(tap: TunTap, packet: Uint8Array): boolean {
  memory.bytes.set(packet, 100);
  return tap.write(memory, 100, packet.length);
}

function read(tap: TunTap, length = 2048): Buffer {
  return Buffer.from(memory.bytes.subarray(200, 200 + tap.read(memory, 200, length)));
}

function drain(tap: TunTap): number {
  let count = 0;
  while (read(tap).length > 0) count++;
  return count;
}

/** What every kind of TAP device has to do, the kernel's and the fake. */
export function tunTapContract(name: string, create: () => Promise<TunTapWorld>): void {
  describe(`TAP devices: ${name}`, () => {
    let world: TunTapWorld;
    let first: TunTap;
    let second: TunTap;

    /** Until a frame gets through: a bridge needs a moment after a carrier came back. */
    const passes = (mark: number): Promise<void> =>
      vi.waitFor(() => {
        write(first, frame(mark));
        expect(read(second).at(-1)).toBe(mark);
      });

    beforeAll(async () => {
      world = await create();
      first = world.open("tap", "first");
      second = world.open("tap", "second");
    });
    afterAll(async () => {
      first.close();
      second.close();
      await world.close();
    });

    test("a device that is off takes nothing and holds nothing", () => {
      expect(write(first, frame(1))).toBe(false);
      expect(read(first)).toHaveLength(0);
    });

    test("a name that is taken", () => {
      expect(() => world.open("tap", "first")).toThrow(expect.objectContaining({ code: "EBUSY" }));
    });

    test.each(["", "a/b", "sixteen-bytes-16", ".", "a b"])("a name that is none: %j", (name) => {
      expect(() => world.open("tap", name)).toThrow(expect.objectContaining({ code: "bad-device-name" }));
    });

    test("frames pass, whole and in order", async () => {
      await world.up("first", true);
      await world.up("second", true);
      await world.bridge("first", "second");
      await passes(2);
      drain(second);
      for (let mark = 10; mark < 20; mark++) expect(write(first, frame(mark, 60 + mark))).toBe(true);
      for (let mark = 10; mark < 20; mark++) {
        const got = await vi.waitUntil(() => {
          const next = read(second);
          return next.length > 0 && next;
        });
        expect(got).toEqual(frame(mark, 60 + mark));
      }
      expect(read(second)).toHaveLength(0);
    });

    test("a frame is cut to the room there is", () => {
      write(first, frame(3, 200));
      expect(read(second, 100)).toEqual(frame(3, 200).subarray(0, 100));
      expect(read(second)).toHaveLength(0);
    });

    test("memory out of bounds is refused before the kernel sees it", () => {
      expect(() => first.write(memory, 4000, 200)).toThrow(
        expect.objectContaining({ code: "out-of-bounds" }),
      );
      expect(() => first.read(memory, -1, 10)).toThrow(expect.objectContaining({ code: "out-of-bounds" }));
    });

    test("a device that nobody reads holds some frames, not all", () => {
      const many = 10_000;
      for (let count = 0; count < many; count++) write(first, frame(4));
      const held = drain(second);
      expect(held).toBeGreaterThanOrEqual(500);
      expect(held).toBeLessThan(many);
    });

    test("without a carrier nothing passes, with it again everything does", async () => {
      second.setCarrier(false);
      await vi.waitFor(() => {
        drain(second);
        expect(write(first, frame(5))).toBe(true);
        expect(read(second)).toHaveLength(0);
      });
      // The device's side does not look at the carrier; the host's does.
      expect(write(second, frame(5))).toBe(true);
      expect(read(first)).toHaveLength(0);
      second.setCarrier(true);
      await passes(6);
    });

    test("switched off and on, what waited is still there", async () => {
      drain(second);
      write(first, frame(7));
      await world.up("second", false);
      await world.up("second", true);
      const marks = new Set<number | undefined>();
      await vi.waitFor(() => {
        write(first, frame(8));
        for (let got = read(second); got.length > 0; got = read(second)) marks.add(got.at(-1));
        expect(marks).toContain(8);
      });
      expect(marks).toContain(7);
    });

    test("closed: the name is free, the object dead", () => {
      first.close();
      first.close();
      expect(read(first)).toHaveLength(0);
      expect(write(first, frame(9))).toBe(false);
      expect(() => first.setCarrier(true)).toThrow(expect.objectContaining({ code: "EBADF" }));
      first = world.open("tap", "first");
      expect(write(first, frame(9))).toBe(false);
    });
  });
}
