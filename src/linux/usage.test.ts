import { execFileSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { expect, test } from "vitest";
import {
  childFaults,
  childFaultsOf,
  cpuSeconds,
  cpuTicks,
  openFiles,
  processesIn,
  rssBytes,
} from "./usage.ts";

test("time is that of the process and of its children, whatever its name", () => {
  const fields = "S 1 1 1 0 -1 4194560 1 0 0 0 100 20 3 4 20 0 1 0 5 6 7";
  expect(cpuTicks(`42 (a) name (b) ${fields}`)).toBe(127);
});

test("our own time grows as we work, and our memory is what Node says", () => {
  const [before, start] = [cpuSeconds([process.pid]), process.cpuUsage()];
  while (process.cpuUsage(start).user < 200_000);
  expect(cpuSeconds([process.pid]) - before).toBeGreaterThan(0.1);
  const share = rssBytes([process.pid]) / process.memoryUsage.rss();
  expect(share).toBeGreaterThan(0.8);
  expect(share).toBeLessThan(1.25);
});

test("what is gone counts as nothing", () => {
  // Beyond the largest pid_max.
  const nobody = 2 ** 22 + 1;
  expect(cpuSeconds([nobody])).toBe(0);
  expect(rssBytes([nobody])).toBe(0);
  expect(openFiles([nobody])).toBe(0);
});

test("an open file is counted while it is open", () => {
  const before = openFiles([process.pid]);
  const fd = openSync("/", "r");
  const during = openFiles([process.pid]);
  closeSync(fd);
  expect([during - before, openFiles([process.pid]) - before]).toEqual([1, 0]);
});

test("the processes of a namespace are found, ours excepted", () => {
  const here = processesIn("/proc/self/ns/net");
  expect(here).toContain(process.ppid);
  expect(here).not.toContain(process.pid);
});

test("programs that were run to their end leave faults behind, and nothing else does", () => {
  const fields = "S 1 1 1 0 -1 4194560 5 77 6 8 100 20 3 4 20 0 1 0 5 6 7";
  expect(childFaultsOf(`42 (a) name (b) ${fields}`)).toBe(77);
  const before = childFaults([process.pid]);
  expect(childFaults([process.pid])).toBe(before);
  execFileSync("true");
  expect(childFaults([process.pid])).toBeGreaterThan(before);
});
