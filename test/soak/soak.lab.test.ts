import { expect, it } from "vitest";
import { soak } from "./soak.ts";

/*
 * A short soak with the same faults each time; `make soak` is the long one. The lab is drawn in soak.ts.
 */
const SECONDS = 20;
const SEED = "ci";

it("a session survives what goes wrong, and nothing is left of it", async () => {
  const said: string[] = [];
  const { report, isGood, faults } = await soak({
    seconds: SECONDS,
    seed: SEED,
    say: (line) => said.push(line),
  });
  expect(isGood, `make soak ARGS="--seconds ${SECONDS} --seed ${SEED}"\n${said.join("\n")}\n${report}`).toBe(
    true,
  );
  expect(faults).toBeGreaterThan(2);
});
