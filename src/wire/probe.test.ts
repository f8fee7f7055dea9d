import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeProbe,
  encodeProbe,
  isAuthentic,
  type Probe,
  PROBE_BYTES,
  probeKey,
  probeSecret,
} from "./probe.ts";
import { ReplayWindow } from "./replaywindow.ts";

const KEY = probeKey(probeSecret("a server's key"), Buffer.alloc(16, 1));
const bytes = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array));
const probe: fc.Arbitrary<Probe> = fc.record({
  kind: fc.constantFrom("ask" as const, "answer" as const),
  path: fc.integer({ min: 0, max: 0xffff }),
  session: bytes(16),
  number: fc.maxSafeInteger().map(Math.abs),
});

describe("probes", () => {
  test("come back from the wire as they were sent, authentic, and as long as each other", () => {
    fc.assert(
      fc.property(probe, (sent) => {
        const wire = encodeProbe(sent, KEY);
        expect(decodeProbe(wire)).toEqual(sent);
        expect(isAuthentic(wire, KEY)).toBe(true);
        expect(wire).toHaveLength(PROBE_BYTES);
      }),
    );
  });

  test("are not authentic once a bit of them is another, or the key", () => {
    fc.assert(
      fc.property(probe, fc.nat(PROBE_BYTES * 8 - 1), (sent, bit) => {
        const wire = encodeProbe(sent, KEY);
        expect(isAuthentic(wire, probeKey(probeSecret("another"), sent.session))).toBe(false);
        const at = Math.floor(bit / 8);
        wire.writeUInt8(wire.readUInt8(at) ^ (1 << (bit % 8)), at);
        expect(isAuthentic(wire, KEY)).toBe(false);
      }),
    );
  });

  test("are known by their form: any bytes are one, or are not, and nothing is thrown", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          bytes(PROBE_BYTES),
          fc.uint8Array({ maxLength: 100 }).map((array) => Buffer.from(array)),
        ),
        (wire) => {
          const decoded = decodeProbe(wire);
          if (decoded === undefined) return;
          expect(wire).toHaveLength(PROBE_BYTES);
          expect(encodeProbe(decoded, KEY).subarray(0, 28)).toEqual(wire.subarray(0, 28));
        },
      ),
    );
    const wire = encodeProbe({ kind: "ask", path: 1, session: randomBytes(16), number: 7 }, KEY);
    expect(decodeProbe(wire.subarray(1))).toBeUndefined();
    expect(decodeProbe(Buffer.concat([wire, Buffer.of(0)]))).toBeUndefined();
    for (const kind of [0, 3])
      expect(decodeProbe(Buffer.concat([Buffer.of(kind), wire.subarray(1)]))).toBeUndefined();
  });

  test("have another key in every session", () => {
    const secret = probeSecret("a server's key");
    expect(probeKey(secret, Buffer.alloc(16, 1))).toEqual(KEY);
    expect(probeKey(secret, Buffer.alloc(16, 2))).not.toEqual(KEY);
  });
});

test("a replay window lets each number through once, and old ones not at all", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 120 }), { maxLength: 200 }), (numbers) => {
      const window = new ReplayWindow();
      const taken = new Set<number>();
      let highest = 0;
      for (const number of numbers) {
        const fresh = !taken.has(number) && number > highest - 32;
        expect(window.take(number)).toBe(fresh);
        if (fresh) taken.add(number);
        highest = Math.max(highest, number);
      }
    }),
  );
  expect(new ReplayWindow().take(0)).toBe(false);
});
