import * as fc from "fast-check";
import ipaddr from "ipaddr.js";
import {
  MAX_CONTROL_BYTES,
  MAX_DATA_BYTES,
  type Refusal,
  type ResetReason,
  type TrafficClass,
  type Verdict,
} from "../../src/wire/constants.ts";
import type { Target } from "../../src/wire/address.ts";
import type { Frame } from "../../src/wire/frames.ts";

/** Everything the wire can say, for property tests. */

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const flow = fc.integer({ min: 1, max: 0xffff_ffff });
const offset = fc.oneof(fc.integer({ min: 0, max: 100_000 }), fc.maxSafeInteger().map(Math.abs));
const port = fc.integer({ min: 0, max: 65_535 });

export const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));

/** In the form in which they come back: v4-mapped addresses are IPv4 addresses. */
const address = fc
  .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map((array) => ipaddr.process(ipaddr.fromByteArray([...array]).toString()).toString());

export const target: fc.Arbitrary<Target> = fc.record({ address, port });

/** Every frame but DATA. */
export const anyFrame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({ kind: fc.constantFrom("hello", "welcome", "reject"), body: bytes(MAX_CONTROL_BYTES) }),
  fc.record({ kind: fc.constantFrom("ping", "pong"), nonce: offset }),
  fc.constant({ kind: "goaway" } as const),
  fc.constant({ kind: "leaving" } as const),
  fc.record({
    kind: fc.constant("probe-key"),
    key: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((array) => Buffer.from(array)),
  }),
  fc.record({
    kind: fc.constant("verdict"),
    carrier: u32,
    addressId: fc.integer({ min: 0, max: 255 }),
    verdict: fc.integer({ min: 0, max: 255 }).map((n) => n as Verdict),
  }),
  fc.record({
    kind: fc.constant("open"),
    flow,
    window: u32,
    cls: fc.constantFrom<TrafficClass>(0, 1, 2, 3),
    target,
  }),
  fc.record({ kind: fc.constant("opened"), flow, window: u32 }),
  fc.record({
    kind: fc.constant("refused"),
    flow,
    reason: fc.integer({ min: 0, max: 255 }).map((n) => n as Refusal),
  }),
  fc.record({ kind: fc.constant("ack"), flow, offset, window: u32, fin: fc.boolean() }),
  fc.record({ kind: fc.constant("fin"), flow, offset }),
  fc.record({
    kind: fc.constant("reset"),
    flow,
    reason: fc.integer({ min: 0, max: 255 }).map((n) => n as ResetReason),
  }),
  fc.record({ kind: fc.constant("lost"), carrier: offset }),
);

/** A DATA frame; the offset leaves room for its bytes. */
export const anyData: fc.Arbitrary<{
  readonly flow: number;
  readonly offset: number;
  readonly bytes: Buffer;
}> = fc.record({
  flow,
  offset: fc.oneof(
    fc.integer({ min: 0, max: 100_000 }),
    fc.integer({ min: 0, max: 2 ** 53 - 1 - MAX_DATA_BYTES }),
  ),
  bytes: bytes(3000),
});

/** Cuts bytes at these places (taken modulo their length). */
export function cut(whole: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [...new Set(places.map((place) => place % (whole.length + 1)))].sort((a, b) => a - b);
  const edges = [0, ...sorted, whole.length];
  return edges.slice(1).map((edge, index) => whole.subarray(edges[index], edge));
}
