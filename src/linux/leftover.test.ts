import { expect, test } from "vitest";
import { endLeftovers, type Processes } from "./leftover.ts";

const OURS = ["dnsmasq", "--ours"];

/** One of ours and one of somebody else's; ours ends by `mortal`, if by anything. */
class FakeProcesses implements Processes {
  readonly signals: string[] = [];
  readonly #argv = new Map<number, readonly string[]>([
    [7, OURS],
    [8, ["dnsmasq", "--theirs"]],
  ]);
  readonly #mortal: string | undefined;

  constructor(mortal?: "SIGTERM" | "SIGKILL") {
    this.#mortal = mortal;
  }

  list(): readonly number[] {
    return [...this.#argv.keys()];
  }

  argvOf(pid: number): readonly string[] {
    return this.#argv.get(pid) ?? [];
  }

  signal(pids: readonly number[], name: "SIGTERM" | "SIGKILL"): void {
    for (const pid of pids) {
      this.signals.push(`${name} ${pid}`);
      // Its number may be another's at once.
      if (name === this.#mortal) this.#argv.set(pid, ["somebody", "new"]);
    }
  }
}

const isOurs = (argv: readonly string[]): boolean => argv.join() === OURS.join();

test("asks ours to end, and nobody else", async () => {
  const processes = new FakeProcesses("SIGTERM");
  expect(await endLeftovers(isOurs, processes)).toBe(1);
  expect(processes.signals).toEqual(["SIGTERM 7"]);
});

test("kills once what does not end when asked", async () => {
  const processes = new FakeProcesses("SIGKILL");
  expect(await endLeftovers(isOurs, processes)).toBe(1);
  expect(processes.signals).toEqual(["SIGTERM 7", "SIGKILL 7"]);
});

test("does not wait for ever for what the kernel does not let go", async () => {
  await expect(endLeftovers(isOurs, new FakeProcesses())).rejects.toMatchObject({
    code: "leftover-stays",
    message: "killed, but not gone: process 7",
  });
});
