import * as fc from "fast-check";
import { expect, test } from "vitest";
import { RecordReader } from "../../src/relay/recordreader.ts";
import {
  ContentType,
  RECORD_EXTRA_BYTES,
  RECORD_HEADER_BYTES,
  RecordOpener,
  RecordSealer,
  suiteOf,
  type Suite,
} from "../../src/relay/tlsrecords.ts";
import { bytes, cut } from "../relay/arbitraries.ts";
import { throwsOnly } from "./mangle.ts";

/* TLS records after the handshake, cut anywhere, damaged anywhere: what is handed on is what was sealed, or nothing. */

const SUITES = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];
/** KeyUpdate that asks for none in return, and a ticket (RFC 8446 sections 4.6.3 and 4.6.1). */
const KEY_UPDATE = Buffer.from("1800000100", "hex");
const TICKET = Buffer.from("040000020000", "hex");

type Item = { readonly data: Buffer } | "key-update" | "ticket";

const item: fc.Arbitrary<Item> = fc.oneof(
  { weight: 5, arbitrary: bytes(3000).map((data) => ({ data })) },
  { weight: 1, arbitrary: fc.constantFrom("key-update", "ticket") },
);
const places = fc.array(fc.nat({ max: 20_000 }), { maxLength: 6 });
const suite = fc.constantFrom(...SUITES).map((name) => suiteOf(name) as Suite);
const secretOf = ({ hash }: Suite): Buffer => Buffer.alloc(hash === "sha256" ? 32 : 48, 7);

/** All records of a conversation, and the content in them. */
function seal(suite: Suite, items: readonly Item[]): { readonly wire: Buffer; readonly content: Buffer } {
  const sealer = new RecordSealer(suite, secretOf(suite));
  const record = (content: Buffer, type: ContentType): Buffer => {
    const whole = Buffer.alloc(content.length + RECORD_EXTRA_BYTES);
    content.copy(whole, RECORD_HEADER_BYTES);
    sealer.seal(whole, type);
    return whole;
  };
  const records = items.map((one) => {
    if (one === "ticket") return record(TICKET, ContentType.HANDSHAKE);
    if (one !== "key-update") return record(one.data, ContentType.DATA);
    const update = record(KEY_UPDATE, ContentType.HANDSHAKE);
    sealer.update();
    return update;
  });
  sealer.free();
  const content = items.map((one) => (typeof one === "string" ? Buffer.alloc(0) : one.data));
  return { wire: Buffer.concat(records), content: Buffer.concat(content) };
}

/** What comes out at the other end until it throws, if it does. */
function open(
  suite: Suite,
  pieces: readonly Buffer[],
): { readonly content: Buffer; readonly failed: boolean } {
  const came: Buffer[] = [];
  const reader = new RecordReader(new RecordOpener(suite, secretOf(suite)), {
    data: (lent) => void came.push(Buffer.from(lent)),
    closeNotify: () => undefined,
    keyUpdateRequested: () => undefined,
  });
  const failed = pieces.some((piece) => throwsOnly("peer", () => (reader.push(piece), true)) === undefined);
  reader.free();
  return { content: Buffer.concat(came), failed };
}

test("content comes out as it was sealed, however the records are cut", () => {
  fc.assert(
    fc.property(suite, fc.array(item, { maxLength: 12 }), places, (suite, items, where) => {
      const { wire, content } = seal(suite, items);
      expect(open(suite, cut(wire, where))).toEqual({ content, failed: false });
    }),
    { numRuns: 300 },
  );
});

test("of damaged records nothing comes out but what stood before the damage", () => {
  const damage = fc.record({ at: fc.nat({ max: 40_000 }), bit: fc.nat({ max: 7 }) });
  fc.assert(
    fc.property(
      suite,
      fc.array(item, { minLength: 1, maxLength: 12 }),
      places,
      damage,
      (suite, items, where, { at, bit }) => {
        const { wire, content } = seal(suite, items);
        const place = at % wire.length;
        wire.writeUInt8(wire.readUInt8(place) ^ (1 << bit), place);
        const came = open(suite, cut(wire, where)).content;
        expect(came.equals(content.subarray(0, came.length))).toBe(true);
        expect(came.length).toBeLessThanOrEqual(place);
      },
    ),
    { numRuns: 500 },
  );
});
