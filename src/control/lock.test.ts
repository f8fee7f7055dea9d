import { expect, test } from "vitest";
import { lockNamespace } from "./lock.ts";

/** Not the real one: tests run beside each other. */
const NAME = `\0sennit-test-${process.pid}`;

test("one holds the namespace until it lets go", async () => {
  const unlock = await lockNamespace(NAME);
  await expect(lockNamespace(NAME)).rejects.toMatchObject({ causeClass: "config", code: "already-running" });
  unlock();
  const again = await lockNamespace(NAME);
  again();
});
