import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatEndpoint } from "../base/endpoint.ts";
import { SennitError } from "../base/errors.ts";
import { decodeToken, encodeToken, MAX_ENDPOINTS } from "./token.ts";

const fixed = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array));
const port = fc.integer({ min: 1, max: 65_535 });
const endpoint = fc
  .tuple(fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6()), port)
  .map(([host, number]) => formatEndpoint({ host, port: number }));
const token = fc.record({
  endpoints: fc.array(endpoint, { minLength: 1, maxLength: MAX_ENDPOINTS }),
  serverPin: fixed(32),
  invite: fc.record({ id: fixed(8), secret: fixed(24) }),
});

const SAMPLE = {
  endpoints: ["vpn.example.net:443"],
  serverPin: Buffer.alloc(32, 0xaa),
  invite: { id: Buffer.alloc(8, 0xbb), secret: Buffer.alloc(24, 0xcc) },
};
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const codeOf = (run: () => unknown): string | undefined => {
  try {
    run();
  } catch (error) {
    if (error instanceof SennitError && error.causeClass === "config") return error.code;
    throw error;
  }
  return undefined;
};

describe("a join token", () => {
  test("says what was put into it, also between blanks", () => {
    fc.assert(
      fc.property(token, (value) => {
        expect(decodeToken(`  ${encodeToken(value)}\n`)).toEqual(value);
      }),
    );
  });

  // All three remainders of the length by three: base64 pads each in another way.
  test.each(["a.example:1", "ab.example:1", "abc.example:1"])(
    "with %s does not survive any changed character",
    (name) => {
      const text = encodeToken({ ...SAMPLE, endpoints: [name] });
      for (let at = 0; at < text.length; at++) {
        for (const letter of `${ALPHABET}.+/= é`) {
          if (letter === text[at]) continue;
          const changed = text.slice(0, at) + letter + text.slice(at + 1);
          expect(
            codeOf(() => decodeToken(changed)),
            `${letter} at ${at}`,
          ).toBe("bad-token");
        }
      }
    },
  );

  test("does not survive a missing or an additional part", () => {
    const text = encodeToken(SAMPLE);
    for (let length = 0; length < text.length; length++) {
      expect(codeOf(() => decodeToken(text.slice(0, length)))).toBe("bad-token");
    }
    for (const letter of ALPHABET) expect(codeOf(() => decodeToken(text + letter))).toBe("bad-token");
  });

  test("is refused in words, whatever was pasted", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(codeOf(() => decodeToken(text))).toBe("bad-token");
        expect(codeOf(() => decodeToken(`sennit1.${text}`))).toBe("bad-token");
      }),
    );
  });

  test("is not made from what it cannot hold", () => {
    const many = Array.from({ length: MAX_ENDPOINTS + 1 }, () => "a.example:1");
    expect(codeOf(() => encodeToken({ ...SAMPLE, endpoints: many }))).toBe("bad-token");
    expect(codeOf(() => encodeToken({ ...SAMPLE, endpoints: [] }))).toBe("bad-token");
    expect(codeOf(() => encodeToken({ ...SAMPLE, endpoints: [`${"a".repeat(300)}:1`] }))).toBe(
      "bad-endpoint",
    );
  });
});
