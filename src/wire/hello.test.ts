import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SennitError } from "../base/errors.ts";
import { bytes } from "../../test/relay/arbitraries.ts";
import {
  commonVersion,
  decodeHello,
  decodeReject,
  decodeWelcome,
  encodeHello,
  encodeReject,
  encodeWelcome,
  EXPORTER_BYTES,
  INVITE_ID_BYTES,
  INVITE_SECRET_BYTES,
  offeredVersions,
  publicKeyOf,
  rawPublicKey,
  ROUTER_KEY_BYTES,
  SESSION_ID_BYTES,
} from "./hello.ts";

const fixed = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array));
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });

const KEY: KeyObject = generateKeyPairSync("ed25519").privateKey;
const EXPORTER = Buffer.alloc(EXPORTER_BYTES, 7);

const fields = fc.record({
  session: fixed(SESSION_ID_BYTES),
  carrier: u32,
  routerKey: fc.constant(rawPublicKey(KEY)),
  invite: fc.option(fc.record({ id: fixed(INVITE_ID_BYTES), secret: fixed(INVITE_SECRET_BYTES) }), {
    nil: undefined,
  }),
  versionMin: fc.integer({ min: 0, max: 255 }),
  versionMax: fc.integer({ min: 0, max: 255 }),
});

const SAMPLE = { session: Buffer.alloc(16, 1), carrier: 3, routerKey: rawPublicKey(KEY), invite: undefined };

describe("HELLO", () => {
  test("comes back as it was said, with a signature that holds", () => {
    fc.assert(
      fc.property(fields, (value) => {
        const body = encodeHello(value, KEY, EXPORTER);
        const { hello, verify } = decodeHello(body);
        expect(hello).toEqual({ ...value, features: 0 });
        expect(offeredVersions(body)).toEqual({ versionMin: value.versionMin, versionMax: value.versionMax });
        expect(verify(EXPORTER)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test("holds on no other connection, and not with any bit changed", () => {
    const body = encodeHello(SAMPLE, KEY, EXPORTER);
    expect(decodeHello(body).verify(Buffer.alloc(EXPORTER_BYTES, 8))).toBe(false);
    for (let bit = 0; bit < body.length * 8; bit++) {
      const changed = Buffer.from(body);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      const holds = (): boolean => decodeHello(changed).verify(EXPORTER);
      try {
        expect(holds(), `bit ${bit}`).toBe(false);
      } catch (error) {
        // The length of the invite: then the form is broken already.
        expect(error).toMatchObject({ causeClass: "peer" });
      }
    }
  });

  test("does not hold when another key signed it", () => {
    const other = generateKeyPairSync("ed25519").privateKey;
    expect(decodeHello(encodeHello(SAMPLE, other, EXPORTER)).verify(EXPORTER)).toBe(false);
  });

  test("with 32 bytes that are no key at all is not signed, and does not throw", () => {
    const body = encodeHello({ ...SAMPLE, routerKey: Buffer.alloc(ROUTER_KEY_BYTES, 0xff) }, KEY, EXPORTER);
    expect(decodeHello(body).verify(EXPORTER)).toBe(false);
  });

  test("is refused at any other length, and with an invite of another size", () => {
    const body = encodeHello(SAMPLE, KEY, EXPORTER);
    for (let length = 0; length < body.length; length++) {
      expect(() => decodeHello(body.subarray(0, length))).toThrow(
        expect.objectContaining({ code: "truncated" }),
      );
    }
    const longer = Buffer.concat([body, Buffer.of(0)]);
    expect(() => decodeHello(longer)).toThrow(expect.objectContaining({ code: "malformed" }));
    const invite = Buffer.from(body);
    invite.writeUInt8(31, 8 + SESSION_ID_BYTES + 4 + ROUTER_KEY_BYTES);
    expect(() => decodeHello(invite)).toThrow(expect.objectContaining({ code: "malformed" }));
  });

  test("says its versions also where the rest has another form", () => {
    expect(offeredVersions(Buffer.from("0207", "hex"))).toEqual({ versionMin: 2, versionMax: 7 });
    expect(() => offeredVersions(Buffer.of(1))).toThrow(expect.objectContaining({ code: "truncated" }));
  });

  test("throws nothing but a peer's error on any bytes", () => {
    fc.assert(
      fc.property(bytes(200), (garbage) => {
        for (const decode of [decodeHello, decodeWelcome, decodeReject, offeredVersions]) {
          try {
            decode(garbage);
          } catch (error) {
            expect(error).toBeInstanceOf(SennitError);
            expect(error).toMatchObject({ causeClass: "peer" });
          }
        }
      }),
    );
  });
});

describe("versions", () => {
  test.each([
    [1, 1, 1],
    [0, 1, 1],
    [1, 255, 1],
    [2, 9, undefined],
    [0, 0, undefined],
    [1, 0, undefined],
  ])("a router with %i to %i and we speak %s", (versionMin, versionMax, expected) => {
    expect(commonVersion({ versionMin, versionMax })).toBe(expected);
  });
});

describe("the server's answers", () => {
  test("WELCOME comes back as it was said", () => {
    const welcome = fc.record({
      version: fc.integer({ min: 0, max: 255 }),
      features: u32,
      instance: fixed(16),
    });
    fc.assert(
      fc.property(welcome, (value) => {
        expect(decodeWelcome(encodeWelcome(value))).toEqual(value);
      }),
    );
  });

  test("REJECT comes back in printable characters, at most 200", () => {
    const body = encodeReject({ code: 4, message: "no\u001b[31m such\nrouter é" });
    expect(decodeReject(body)).toEqual({ code: 4, message: "no?[31m such?router ?" });
    expect(decodeReject(encodeReject({ code: 1, message: "x".repeat(1000) })).message).toHaveLength(200);
    expect(encodeReject({ code: 1, message: "語".repeat(1000) }).length).toBeLessThan(1024);
  });
});

describe("router keys", () => {
  test("are 32 raw bytes, the same from private and public key", () => {
    // RFC 8032 section 7.1, test 1.
    const secret = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const der = Buffer.from(`302e020100300506032b657004220420${secret}`, "hex");
    const raw = rawPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" }));
    expect(raw.toString("hex")).toBe("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    expect(rawPublicKey(publicKeyOf(raw))).toEqual(raw);
  });
});
