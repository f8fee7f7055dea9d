/**
 * Ten minutes of faults in the lab under load: `make soak`, or for a shorter time, or once more what went wrong:
 *
 *     make soak ARGS="--seconds 60 --seed 17"
 *
 * Prints what went wrong when, and in the end what was carried, what was cut and what leaked; exits with 1 if anything was.
 */
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { soak } from "../test/soak/soak.ts";

const MOST_SEEDS = 1_000_000;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "600" },
    seed: { type: "string", default: String(randomInt(MOST_SEEDS)) },
  },
});
const { seconds, seed } = values;
const say = (line: string): void => void process.stdout.write(`${line}\n`);
say(`soak: ${seconds} s, seed ${seed}`);
const { report, isGood } = await soak({ seconds: Number(seconds), seed, say });
say(`\n${report}`);
if (!isGood) say(`\nOnce more: make soak ARGS="--seconds ${seconds} --seed ${seed}"`);
process.exitCode = isGood ? 0 : 1;
