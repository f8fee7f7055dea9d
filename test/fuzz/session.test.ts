import { randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { GRACE_MS } from "../../src/relay/limits.ts";
import { FrameType, HEADER_BYTES } from "../../src/wire/constants.ts";
import { encodeFrame, writeHeader } from "../../src/wire/frames.ts";
import { anyData, anyFrame } from "../relay/arbitraries.ts";
import { collect, Joined } from "../relay/joined.ts";
import { settle, until } from "../relay/until.ts";
import { mangled } from "./mangle.ts";

/* A peer that says whatever it likes on an established carrier, while honest ones are at work in the same process. */

const frames = fc.array(
  fc.oneof(
    anyFrame.map(encodeFrame),
    anyData.map(({ flow, offset, bytes }) => {
      const header = Buffer.alloc(HEADER_BYTES);
      writeHeader(header, 0, FrameType.DATA, 0, bytes.length, flow, offset);
      return Buffer.concat([header, bytes]);
    }),
  ),
  { maxLength: 30 },
);

const HONEST_BYTES = 300_000;

test("any bytes at all end no more than the carrier they come on", async () => {
  await fc.assert(
    fc.asyncProperty(
      frames.chain((all) => mangled([Buffer.concat(all)])),
      async (bytes) => {
        const honest = new Joined();
        await honest.carrier();
        const { near, far } = await honest.flow();
        const heard = collect(far.stream);
        const attacked = new Joined();
        const peer = await attacked.peer();
        near.stream.end(randomBytes(HONEST_BYTES));
        peer.connection.stream.write(bytes);
        await settle(10);
        expect(attacked.far.heldBytes).toBeLessThanOrEqual(bytes.length);
        // Its flows wait for it as anybody's do, and are gone with it.
        for (const flow of attacked.opened) flow.accept((await attacked.app()).local);
        await settle(5);
        peer.connection.reset();
        await until("its carrier is gone", () => attacked.far.carriers.size === 0);
        attacked.clock.advance(GRACE_MS + 2000);
        expect(attacked.leftovers).toEqual([]);
        await honest.pass("the honest are not touched", () => heard.ended);
        expect(heard.bytes).toBe(HONEST_BYTES);
      },
    ),
    { numRuns: 60 },
  );
});
