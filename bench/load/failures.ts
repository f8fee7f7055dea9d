import { readFileSync } from "node:fs";
import { SennitError } from "../../src/base/errors.ts";
import type { Pair } from "../../src/lab/pair.ts";
import { processesIn } from "../../src/linux/usage.ts";

/** Something of Sennit's that fails alone. */
export interface Failure {
  readonly name: string;
  readonly inflict: (pair: Pair) => Promise<void>;
  /** Without it the router mends it by itself. */
  readonly mend?: (pair: Pair) => Promise<unknown>;
  /** New connections go out directly meanwhile. */
  readonly diverts: boolean;
}

export const FAILURES: readonly Failure[] = [
  {
    name: "server silent",
    inflict: ({ lab }) => lab.fault("blackhole", "server"),
    mend: ({ lab }) => lab.heal(),
    diverts: true,
  },
  {
    name: "server gone",
    inflict: (pair) => pair.stop("server"),
    mend: (pair) => pair.start("server"),
    diverts: true,
  },
  {
    name: "data killed",
    inflict: async (pair) => kill((await pair.status("router")).data.pid),
    diverts: true,
  },
  {
    name: "control killed",
    inflict: (pair) => pair.kill("router"),
    mend: (pair) => pair.start("router"),
    diverts: false,
  },
  {
    name: "dnsmasq killed",
    inflict: async ({ lab }) =>
      kill(
        processesIn(lab.netns("router")).find(
          (pid) => readFileSync(`/proc/${pid}/comm`, "utf8") === "dnsmasq\n",
        ) ?? null,
      ),
    diverts: false,
  },
];

function kill(pid: number | null): void {
  if (pid === null) throw new SennitError("peer", "bench-program", "what is to be killed does not run");
  process.kill(pid, "SIGKILL");
}
