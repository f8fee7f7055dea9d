import { describe, expect, test } from "vitest";
import { Admission, hashSecret, type Guests } from "./admission.ts";

const ALICE = Buffer.alloc(32, 0xa);
const BOB = Buffer.alloc(32, 0xb);
const INVITE = { id: Buffer.alloc(8, 1), secret: Buffer.alloc(24, 2) };
const EXPIRES = 1000;
const LIST: Guests = {
  routers: [],
  invites: [
    { id: INVITE.id.toString("hex"), secretHash: hashSecret(INVITE.secret), expires: EXPIRES, name: "cabin" },
  ],
};
const NOBODY: Guests = { routers: [], invites: [] };
const listed = (key: Buffer, name: string): Guests => ({
  ...NOBODY,
  routers: [{ id: key.toString("hex"), name }],
});

function admission(guests: Guests, now = 0): Admission {
  const admitting = new Admission(() => now);
  admitting.update(guests);
  return admitting;
}

const code = (value: string) => expect.objectContaining({ causeClass: "peer", code: value });

describe("admission", () => {
  test("knows the routers on the list, whatever invitation they show", () => {
    const door = admission(listed(ALICE, "home"));
    const home = { id: ALICE.toString("hex"), name: "home" };
    expect(door.admit({ routerKey: ALICE, invite: undefined })).toEqual(home);
    expect(door.admit({ routerKey: ALICE, invite: INVITE })).toEqual(home);
    expect(door.enrolments).toEqual([]);
    expect(() => door.admit({ routerKey: BOB, invite: undefined })).toThrow(code("hello-unknown-router"));
  });

  test("an invitation lets one router in, as often as it comes", () => {
    const door = admission(LIST);
    const first = door.admit({ routerKey: ALICE, invite: INVITE });
    expect(first).toEqual({ id: ALICE.toString("hex"), name: "cabin" });
    expect(door.admit({ routerKey: ALICE, invite: INVITE })).toEqual(first);
    expect(door.admit({ routerKey: ALICE, invite: undefined })).toEqual(first);
    expect(() => door.admit({ routerKey: BOB, invite: INVITE })).toThrow(code("hello-invite"));
    expect(door.enrolments).toEqual([{ router: first, invite: INVITE.id.toString("hex") }]);
  });

  test("what came in by invitation stays in until the list says so, and while it does", () => {
    const door = admission(LIST);
    door.admit({ routerKey: ALICE, invite: INVITE });
    door.update(LIST);
    expect(door.enrolments).toHaveLength(1);
    door.admit({ routerKey: ALICE, invite: undefined });
    door.update(listed(ALICE, "cabin"));
    expect(door.enrolments).toEqual([]);
    door.admit({ routerKey: ALICE, invite: undefined });
    expect(() => door.admit({ routerKey: BOB, invite: INVITE })).toThrow(code("hello-invite"));
  });

  test("what the list does not name any more is out", () => {
    const door = admission(LIST);
    door.admit({ routerKey: ALICE, invite: INVITE });
    door.update(listed(ALICE, "cabin"));
    door.update(NOBODY);
    expect(() => door.admit({ routerKey: ALICE, invite: INVITE })).toThrow(code("hello-invite"));
  });

  test.each([
    ["in its last millisecond", EXPIRES, true],
    ["a millisecond later", EXPIRES + 1, false],
  ])("an invitation %s: %i, %s", (_, now, good) => {
    const door = admission(LIST, now);
    const admit = (): unknown => door.admit({ routerKey: ALICE, invite: INVITE });
    if (good) expect(admit()).toMatchObject({ name: "cabin" });
    else expect(admit).toThrow(code("hello-invite"));
  });

  test.each([
    ["a wrong secret", { ...INVITE, secret: Buffer.alloc(24, 3) }],
    ["an unknown invitation", { ...INVITE, id: Buffer.alloc(8, 9) }],
  ])("%s uses nothing up", (_, invite) => {
    const door = admission(LIST);
    expect(() => door.admit({ routerKey: BOB, invite })).toThrow(code("hello-invite"));
    expect(door.admit({ routerKey: ALICE, invite: INVITE })).toMatchObject({ name: "cabin" });
  });
});
