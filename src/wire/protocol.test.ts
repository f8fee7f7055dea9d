import { readFileSync } from "node:fs";
import { createPrivateKey } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  FrameType,
  HEADER_BYTES,
  MAX_CONTROL_BYTES,
  MAX_DATA_BYTES,
  Refusal,
  Reject,
  ReservedFrameType,
  ResetReason,
} from "./constants.ts";
import { FrameDecoder } from "./decoder.ts";
import { encodeFrame, type Frame } from "./frames.ts";
import { dataHeader } from "../../test/relay/dataheader.ts";
import { decodeHello, encodeHello, encodeWelcome, rawPublicKey } from "./hello.ts";
import { decodeToken, encodeToken } from "./token.ts";

/** docs/protocol.md is what a second implementation is written from: what it shows must be what we say. */
const TEXT = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");

/** The contents of all blocks of a kind with their titles, in order. */
function blocks(kind: string): { readonly title: string; readonly lines: readonly string[] }[] {
  return [...TEXT.matchAll(new RegExp(`^\`\`\`${kind} (.+)\n([^]*?)\`\`\`$`, "gm"))].map(
    ([, title, body]) => ({
      title: title ?? "",
      lines: (body ?? "").trim().split("\n"),
    }),
  );
}

const examples = blocks("hex").map(({ title, lines }) => ({
  title,
  bytes: Buffer.from(lines.map((line) => line.replace(/#.*/, "").replaceAll(/\s/g, "")).join(""), "hex"),
}));

const count = (length: number, from = 0): Buffer =>
  Buffer.from(Array.from({ length }, (_, index) => from + index));

// RFC 8032 section 7.1, test 1.
const SECRET = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const KEY = createPrivateKey({
  key: Buffer.from(`302e020100300506032b657004220420${SECRET}`, "hex"),
  format: "der",
  type: "pkcs8",
});
const EXPORTER = count(32);
const REQUEST = "GET / HTTP/1.0\r\n\r\n";
const ANSWER = "HTTP/1.0 204 No Content\r\n\r\n";
const WINDOW = 8 * 1024 * 1024;
const FLOW = 1;

const hello = { session: count(16, 0x10), carrier: 1, routerKey: rawPublicKey(KEY), invite: undefined };
const target = { address: "192.0.2.80", port: 80 };

const data = (text: string): Buffer => Buffer.concat([dataHeader(FLOW, 0, text.length), Buffer.from(text)]);
const ack = (offset: number): Buffer =>
  encodeFrame({ kind: "ack", flow: FLOW, offset, window: WINDOW, fin: true });

const OURS: readonly (readonly [title: string, bytes: Buffer])[] = [
  ["router HELLO", encodeFrame({ kind: "hello", body: encodeHello(hello, KEY, EXPORTER) })],
  [
    "server WELCOME",
    encodeFrame({
      kind: "welcome",
      body: encodeWelcome({ version: 1, features: 0, instance: count(16, 0xa0) }),
    }),
  ],
  ["router OPEN", encodeFrame({ kind: "open", flow: FLOW, window: WINDOW, cls: 0, target })],
  ["router DATA", data(REQUEST)],
  ["router FIN", encodeFrame({ kind: "fin", flow: FLOW, offset: REQUEST.length })],
  ["server OPENED", encodeFrame({ kind: "opened", flow: FLOW, window: WINDOW })],
  ["server ACK", ack(REQUEST.length)],
  ["server DATA", data(ANSWER)],
  ["server FIN", encodeFrame({ kind: "fin", flow: FLOW, offset: ANSWER.length })],
  ["router ACK", ack(ANSWER.length)],
];

describe("the protocol's document", () => {
  test("shows an exchange that is ours byte for byte", () => {
    expect(examples.map(({ title, bytes }) => `${title} ${bytes.toString("hex")}`)).toEqual(
      OURS.map(([title, bytes]) => `${title} ${bytes.toString("hex")}`),
    );
  });

  test("shows an exchange that we understand", () => {
    const seen: string[] = [];
    for (const side of ["router", "server"]) {
      const decoder = new FrameDecoder();
      const stream = examples.filter(({ title }) => title.startsWith(side)).map(({ bytes }) => bytes);
      decoder.push(Buffer.concat(stream), {
        frame: (frame: Frame) => void seen.push(frame.kind),
        data: (_, offset, bytes) => void seen.push(`${offset} ${bytes.toString()}`),
      });
      expect(decoder.idle).toBe(true);
    }
    const router = ["hello", "open", `0 ${REQUEST}`, "fin", "ack"];
    expect(seen).toEqual(router.concat("welcome", "opened", "ack", `0 ${ANSWER}`, "fin"));
  });

  test("shows a HELLO whose signature holds on its connection", () => {
    const body = examples[0]?.bytes.subarray(HEADER_BYTES) ?? expect.fail();
    expect(decodeHello(body).verify(EXPORTER)).toBe(true);
  });

  test("shows a token that says what it is said to say", () => {
    const text = blocks("token")[0]?.lines[0] ?? "";
    const token = {
      endpoints: ["vpn.example.net:443", "[2001:db8::10]:443"],
      serverPin: count(32),
      invite: { id: count(8, 0x40), secret: count(24, 0x80) },
    };
    expect(decodeToken(text)).toEqual(token);
    expect(encodeToken(token)).toBe(text);
  });

  test("names every frame, code and limit with its number", () => {
    const hex = (value: number): string => `0x${value.toString(16).padStart(2, "0")}`;
    for (const [name, type] of Object.entries({ ...FrameType, ...ReservedFrameType }))
      expect(TEXT).toContain(`| ${hex(type)} | ${name} |`);
    for (const [name, code] of Object.entries(Reject)) expect(TEXT).toContain(`| ${code} | ${name} |`);
    for (const [name, code] of [...Object.entries(Refusal), ...Object.entries(ResetReason)])
      expect(TEXT).toMatch(new RegExp(`^\\| ${code} \\| ${name}\\b`, "m"));
    expect(TEXT).toContain(`DATA has at most ${MAX_DATA_BYTES.toLocaleString("en")} bytes`);
    expect(TEXT).toContain(`of any other frame at most ${MAX_CONTROL_BYTES}`);
  });
});
