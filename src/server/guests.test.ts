import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Admission, type Enrolment } from "../relay/admission.ts";
import { pinOf } from "../relay/identity.ts";
import { StateDir } from "../store/state-dir.ts";
import { decodeToken } from "../wire/token.ts";
import { GuestBook } from "./guests.ts";

const DAY_MS = 86_400_000;
const KEY = Buffer.alloc(32, 7);

let directory: string;
let now: number;
let book: GuestBook;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "sennit-test-"));
  now = Date.UTC(2026, 0, 1);
  book = new GuestBook(await StateDir.open(directory), () => now);
});
afterEach(() => rmSync(directory, { recursive: true }));

const invite = (label?: string, expires?: string) =>
  book.invite({
    endpoints: ["vpn.example.net:443"],
    ...(label !== undefined && { label }),
    ...(expires !== undefined && { expires }),
  });

/** A router comes in with a token, and the door remembers it. */
async function enrol(text: string, key = KEY): Promise<readonly Enrolment[]> {
  const door = new Admission(() => now);
  door.update(await book.guests());
  door.admit({ routerKey: key, invite: decodeToken(text).invite });
  return door.enrolments;
}

describe("the guest book", () => {
  test("keeps one identity", async () => {
    const identity = await book.identity();
    expect(await book.identity()).toEqual(identity);
    expect(identity.keyPem).toContain("PRIVATE KEY");
  });

  test("invites with a token that pins that identity and opens the door", async () => {
    const { token, expires } = await invite("cabin");
    const { serverPin, endpoints } = decodeToken(token);
    expect(serverPin).toEqual(pinOf((await book.identity()).certificatePem));
    expect(endpoints).toEqual(["vpn.example.net:443"]);
    expect(Date.parse(expires ?? "")).toBe(now + 14 * DAY_MS);
    expect(await enrol(token)).toMatchObject([{ router: { id: KEY.toString("hex"), name: "cabin" } }]);
  });

  test("does not keep an invitation's secret", async () => {
    const { token } = await invite();
    const { secret } = decodeToken(token).invite;
    const stored = readFileSync(join(directory, "guests.json"), "utf8");
    expect(stored).not.toContain(secret.toString("hex"));
    expect(stored).not.toContain(secret.toString("base64url"));
  });

  test("remembers who came in, once, and takes the invitation off", async () => {
    const { token } = await invite("cabin");
    const other = await invite("boat");
    const enrolments = await enrol(token);
    expect(await book.enrol(enrolments)).toBe(true);
    expect(await book.enrol(enrolments)).toBe(false);
    const { routers, invites } = await book.guests();
    expect(routers).toEqual([{ id: KEY.toString("hex"), name: "cabin" }]);
    expect(invites.map(({ name }) => name)).toEqual(["boat"]);
    await expect(enrol(token, Buffer.alloc(32, 8))).rejects.toMatchObject({ code: "hello-invite" });
    expect(await enrol(other.token, Buffer.alloc(32, 8))).toHaveLength(1);
  });

  test("is the same after a restart", async () => {
    await book.enrol(await enrol((await invite("cabin")).token));
    const again = new GuestBook(await StateDir.open(directory), () => now);
    expect(await again.guests()).toEqual(await book.guests());
    expect(await again.identity()).toEqual(await book.identity());
  });

  test("forgets invitations that have expired, and honours another date", async () => {
    await invite("short", new Date(now + 1000).toISOString());
    await invite("long");
    now += 2000;
    await invite("new");
    expect((await book.guests()).invites.map(({ name }) => name)).toEqual(["long", "new"]);
  });

  test.each([
    ["router", { routers: [{ id: "zz", name: "cabin" }], invites: [] }],
    [
      "invitation",
      { routers: [], invites: [{ id: "00".repeat(8), secretHash: "zz", expires: 0, name: "cabin" }] },
    ],
  ])("with a %s that is none is damaged", async (_, content) => {
    writeFileSync(join(directory, "guests.json"), JSON.stringify(content));
    await expect(book.guests()).rejects.toMatchObject({ causeClass: "config", code: "state-corrupt" });
  });

  test("does not invite into the past", async () => {
    await expect(invite("late", new Date(now).toISOString())).rejects.toMatchObject({
      causeClass: "config",
      code: "invite-expired",
    });
    expect((await book.guests()).invites).toEqual([]);
  });

  test("has an end, and fits a message even when every name is as long as can be", async () => {
    const id = (number: number) => number.toString(16).padStart(64, "0");
    // Control characters are the longest in JSON.
    const name = "\u0001".repeat(64);
    const invites = Array.from({ length: 10_000 - 1 }, (_, at) => ({
      id: id(at).slice(-16),
      secretHash: id(at),
      expires: now + DAY_MS,
      name,
    }));
    await writeFile(join(directory, "guests.json"), JSON.stringify({ routers: [], invites }));
    await invite("last");
    await expect(invite("one too many")).rejects.toMatchObject({ code: "guests-full" });
    expect(JSON.stringify(await book.guests()).length).toBeLessThan(8 * 1024 * 1024);
    now += DAY_MS;
    await invite("first");
  });

  test("names a router that nobody named", async () => {
    await invite();
    expect((await book.guests()).invites[0]?.name).toMatch(/^router-[0-9a-f]{6}$/);
  });
});
