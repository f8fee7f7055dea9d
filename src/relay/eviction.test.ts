import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { collect, Joined } from "../../test/relay/joined.ts";
import { settle, until } from "../../test/relay/until.ts";

const BUDGET = 4 * 1024 * 1024;
const UNREAD_FLOWS = 24;
/** More than windows and buffers take. */
const MUCH = 2 * 1024 * 1024;

describe("memory that is held for those who do not read", () => {
  test("is given up for those who do", async () => {
    const world = new Joined({ budgetBytes: BUDGET });
    await world.carrier();
    const reader = await world.flow();
    for (let n = 0; n < UNREAD_FLOWS; n++) {
      const { far } = await world.flow();
      far.stream.write(randomBytes(MUCH));
    }
    const isShort = (): boolean => world.nearBudget.exhausted || world.farBudget.exhausted;
    await until("memory is short", () => {
      world.clock.advance(100);
      return isShort();
    });
    const down = collect(reader.near.stream);
    reader.far.stream.end(randomBytes(MUCH));
    await until("who reads has it all", () => {
      world.clock.advance(100);
      return down.ended;
    });
    expect(down.bytes).toBe(MUCH);
    await settle();
    expect(isShort()).toBe(false);
    expect(world.far.counts.reset).toBeLessThan(UNREAD_FLOWS);
  });
});
