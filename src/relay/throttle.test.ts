import { expect, test, vi } from "vitest";
import { Joined } from "../../test/relay/joined.ts";
import { settle, until } from "../../test/relay/until.ts";

test("what nobody reads takes room only until that shows", async () => {
  const world = new Joined();
  await world.carrier();
  const { near } = await world.flow();
  const counted = vi.spyOn(world.near, "underway");
  const underway = (): number => counted.mock.calls.reduce((sum, [bytes]) => sum + bytes, 0);
  // More than the far end's local connection takes without a reader.
  near.stream.write(Buffer.alloc(2_000_000));
  await until("much is under way", () => underway() > 200_000);
  for (let second = 0; second < 5; second++) {
    world.clock.advance(1000);
    await settle();
  }
  expect(underway()).toBe(0);
  expect(world.near.heldBytes).toBeGreaterThan(0);
});
