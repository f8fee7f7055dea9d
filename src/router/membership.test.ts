import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { StateDir } from "../store/state-dir.ts";
import { encodeToken } from "../wire/token.ts";
import { join, membership } from "./membership.ts";

const TOKEN = {
  endpoints: ["vpn.example.net:443", "[2001:db8::10]:8443"],
  serverPin: Buffer.alloc(32, 1),
  invite: { id: Buffer.alloc(8, 2), secret: Buffer.alloc(24, 3) },
};

let directory: string;
let state: StateDir;
beforeEach(async () => {
  directory = mkdtempSync(joinPath(tmpdir(), "sennit-test-"));
  state = await StateDir.open(directory);
});
afterEach(() => rmSync(directory, { recursive: true }));

describe("membership", () => {
  test("is what the token says, with a key of the router's own", async () => {
    const joined = await join(state, encodeToken(TOKEN));
    expect(joined).toEqual({
      endpoints: [
        { host: "vpn.example.net", port: 443 },
        { host: "2001:db8::10", port: 8443 },
      ],
      pin: "01".repeat(32),
      invite: { id: "02".repeat(8), secret: "03".repeat(24) },
      privateKey: expect.stringContaining("PRIVATE KEY"),
    });
    expect(await membership(state)).toEqual(joined);
  });

  test("of another server keeps the key: the router stays itself", async () => {
    const first = await join(state, encodeToken(TOKEN));
    const second = await join(state, encodeToken({ ...TOKEN, serverPin: Buffer.alloc(32, 9) }));
    expect(second.privateKey).toBe(first.privateKey);
    expect(second.pin).toBe("09".repeat(32));
  });

  test("is an error with a remedy where there is none", async () => {
    await expect(membership(state)).rejects.toMatchObject({
      causeClass: "config",
      code: "not-joined",
      remedy: expect.stringContaining("sennit router join"),
    });
  });

  test.each([
    ["pin", { pin: "zz" }],
    ["invitation", { invite: { id: "00", secret: "00" } }],
  ])("with a %s that is none is damaged", async (_, change) => {
    await join(state, encodeToken(TOKEN));
    const file = joinPath(directory, "server.json");
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), ...change }));
    await expect(membership(state)).rejects.toMatchObject({ causeClass: "config", code: "state-corrupt" });
  });

  test("is not touched by a token that is none", async () => {
    const before = await join(state, encodeToken(TOKEN));
    await expect(join(state, `${encodeToken(TOKEN)}x`)).rejects.toMatchObject({ code: "bad-token" });
    expect(await membership(state)).toEqual(before);
  });
});
