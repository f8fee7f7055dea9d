import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { drops, filters, type FrameFilter } from "./filter.ts";

const OPEN: FrameFilter = { mtuBlackhole: Infinity, blockUdp: false, blockMpJoin: false };
const NO_UDP: FrameFilter = { ...OPEN, blockUdp: true };
const NO_JOIN: FrameFilter = { ...OPEN, blockMpJoin: true };

const ethernet = (type: number, ...packet: readonly number[][]): Buffer =>
  Buffer.from([...Array<number>(12).fill(0), type >> 8, type & 0xff, ...packet.flat()]);

/** A header of 20 bytes and more, by `options`. */
const ipv4 = (protocol: number, content: number[], fragment = 0, options: number[] = []): Buffer => {
  const header = Array<number>(20).fill(0);
  header[0] = 0x40 | (5 + options.length / 4);
  header[6] = fragment >> 8;
  header[7] = fragment & 0xff;
  header[9] = protocol;
  return ethernet(0x0800, header, options, content);
};
const ipv6 = (next: number, ...content: number[][]): Buffer => {
  const header = Array<number>(40).fill(0);
  header[0] = 0x60;
  header[6] = next;
  return ethernet(0x86dd, header, ...content);
};

const SYN = 0x02;
const SYN_ACK = 0x12;
const ACK = 0x10;
const tcp = (flags: number, ...options: number[][]): number[] => {
  const all = options.flat();
  while (all.length % 4 !== 0) all.push(0);
  const header = Array<number>(20).fill(0);
  header[12] = (5 + all.length / 4) << 4;
  header[13] = flags;
  return [...header, ...all];
};
const udp = Array<number>(16).fill(0);

const MSS = [2, 4, 5, 180];
const SACK_OK = [4, 2];
const TIMESTAMP = [8, 10, 0, 0, 0, 0, 0, 0, 0, 0];
const NOP = [1];
const WINDOW = [3, 3, 7];
const END = [0];
const MP_CAPABLE = [30, 4, 0x01, 0];
const MP_JOIN = [30, 12, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0];

const dropped = (filter: FrameFilter, frame: Buffer): boolean => drops(filter, frame, 0, frame.length);

describe("MP_JOIN", () => {
  test.each<[string, boolean, Buffer]>([
    ["in a SYN", true, ipv4(6, tcp(SYN, MSS, SACK_OK, TIMESTAMP, NOP, WINDOW, MP_JOIN))],
    ["before the other options", true, ipv4(6, tcp(SYN, MP_JOIN, MSS))],
    ["in a SYN/ACK", true, ipv4(6, tcp(SYN_ACK, NOP, NOP, MP_JOIN))],
    ["over IPv6", true, ipv6(6, tcp(SYN, MSS, MP_JOIN))],
    ["behind options of IP", true, ipv4(6, tcp(SYN, MP_JOIN), 0, [1, 1, 1, 1])],
    [
      "behind extensions of IPv6",
      true,
      ipv6(0, [60, 0, 0, 0, 0, 0, 0, 0], [6, 0, 0, 0, 0, 0, 0, 0], tcp(SYN, MP_JOIN)),
    ],
    ["of a connection that is open", false, ipv4(6, tcp(ACK, MP_JOIN))],
    ["not there, but MP_CAPABLE", false, ipv4(6, tcp(SYN, MSS, MP_CAPABLE))],
    ["not there at all", false, ipv4(6, tcp(SYN, MSS, TIMESTAMP))],
    ["behind the end of the options", false, ipv4(6, tcp(SYN, MSS, END, MP_JOIN))],
    ["in the content, not the options", false, ipv4(6, [...tcp(SYN, MSS), ...MP_JOIN])],
    ["in the words of another option", false, ipv4(6, tcp(SYN, [253, 14, ...MP_JOIN]))],
    ["behind an option without a length", false, ipv4(6, tcp(SYN, [5, 0], MP_JOIN))],
    ["in a later fragment", false, ipv4(6, tcp(SYN, MP_JOIN), 185)],
    ["in UDP", false, ipv4(17, tcp(SYN, MP_JOIN))],
  ])("%s: %s", (_, wanted, frame) => {
    expect(dropped(NO_JOIN, frame)).toBe(wanted);
    expect(dropped(OPEN, frame)).toBe(false);
  });

  test("is found wherever it stands among any options", () => {
    const others = fc.shuffledSubarray([MSS, SACK_OK, TIMESTAMP, NOP, WINDOW], { maxLength: 4 });
    fc.assert(
      fc.property(others, others, (before, after) => {
        const room = before.flat().length + after.flat().length + MP_JOIN.length <= 40;
        fc.pre(room);
        expect(dropped(NO_JOIN, ipv4(6, tcp(SYN, ...before, MP_JOIN, ...after)))).toBe(true);
        expect(dropped(NO_JOIN, ipv4(6, tcp(SYN, ...before, MP_CAPABLE, ...after)))).toBe(false);
      }),
    );
  });
});

describe("UDP", () => {
  test.each<[string, boolean, Buffer]>([
    ["IPv4", true, ipv4(17, udp)],
    ["IPv6", true, ipv6(17, udp)],
    ["a later fragment, IPv4", true, ipv4(17, udp, 185)],
    ["the first fragment, IPv6", true, ipv6(44, [17, 0, 0, 1, 0, 0, 0, 0], udp)],
    ["a later fragment, IPv6", true, ipv6(44, [17, 0, 5, 0xa8, 0, 0, 0, 0], udp)],
    ["TCP", false, ipv4(6, tcp(SYN))],
    ["ICMP", false, ipv4(1, udp)],
    ["a later fragment of TCP, IPv6", false, ipv6(44, [6, 0, 5, 0xa8, 0, 0, 0, 0], udp)],
    ["ARP", false, ethernet(0x0806, udp, udp)],
  ])("%s: %s", (_, wanted, frame) => {
    expect(dropped(NO_UDP, frame)).toBe(wanted);
  });
});

describe("an MTU black hole", () => {
  test.each<[number, Buffer, boolean]>([
    [36, ipv4(17, udp), false],
    [35, ipv4(17, udp), true],
    [56, ipv6(17, udp), false],
    [55, ipv6(17, udp), true],
    // Not IP: no packet to be too big.
    [1, ethernet(0x0806, udp, udp), false],
  ])("of %i bytes", (mtuBlackhole, frame, wanted) => {
    expect(dropped({ ...OPEN, mtuBlackhole }, frame)).toBe(wanted);
  });
});

test("whatever the bytes are, it says yes or no, and looks at none but its own", () => {
  const all: FrameFilter = { mtuBlackhole: 1400, blockUdp: true, blockMpJoin: true };
  const start = fc.constantFrom(
    ipv4(6, tcp(SYN, MP_JOIN)),
    ipv6(0, [60, 0, 0, 0, 0, 0, 0, 0]),
    ethernet(0x0800),
  );
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 100 }), fc.nat(60), (head, noise, cut) => {
      const frame = Buffer.concat([head.subarray(0, Math.max(0, head.length - cut)), noise]);
      const around = Buffer.concat([Buffer.alloc(7, 0xff), frame, Buffer.alloc(64, 17)]);
      expect(drops(all, around, 7, frame.length)).toBe(dropped(all, frame));
    }),
  );
});

test("a link without a filter looks at no frame", () => {
  expect([OPEN, NO_UDP, NO_JOIN, { ...OPEN, mtuBlackhole: 1400 }].map(filters)).toEqual([
    false,
    true,
    true,
    true,
  ]);
});
