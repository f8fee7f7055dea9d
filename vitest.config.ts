import { defineConfig } from "vitest/config";

/** What measures rates and delays, or loads the machine: another test beside it would be in its figures. And what clears away after dead labs. */
const ALONE = [
  "test/bench/*.lab.test.ts",
  "test/e2e/bonding.lab.test.ts",
  "test/lab/{contract,life,links,nat,natkinds}.lab.test.ts",
  "test/soak/*.lab.test.ts",
];

/** Shared by what needs root, and works in namespaces of its own. */
const LAB = { testTimeout: 240_000, hookTimeout: 120_000 };

/**
 * `unit` runs anywhere. `lab` mostly waits, for links, timers and processes: two of its files run at a time. Those of
 * `lab-alone` come after, one at a time.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "test/{unit,model,fuzz}/**/*.test.ts"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          ...LAB,
          name: "lab",
          include: ["test/**/*.lab.test.ts"],
          exclude: ALONE,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...LAB,
          name: "lab-alone",
          include: ALONE,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
