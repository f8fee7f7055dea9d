import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { countReport, judgeSkipped, type Count } from "./count.ts";

/** The message and the first frames; all of it stands further up. */
const FAILURE_LINES = 12;

/** A script of package.json that passes or fails as a whole. */
export async function runScript(script: string, timeoutMs: number): Promise<Count> {
  const well = await run(script, [], timeoutMs);
  return { passed: well ? 1 : 0, failed: well ? 0 : 1, skipped: 0 };
}

interface VitestOptions {
  /** The script of package.json that starts it. */
  readonly script: string;
  /** Files; all of them unless told. */
  readonly only?: readonly string[];
  readonly timeoutMs: number;
  readonly strict: boolean;
}

/** A vitest project: a person reads along while a report is written for us. */
export async function runVitest({ script, only = [], timeoutMs, strict }: VitestOptions): Promise<Count> {
  return withReport(async (file) => {
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
    const well = await run(script, [...only, ...reporters], timeoutMs);
    const outcome = countReport(await readJson(file), well);
    for (const name of outcome.skipped) process.stdout.write(`   skipped: ${name}\n`);
    for (const { name, messages } of outcome.failures) process.stdout.write(describeFailure(name, messages));
    return judgeSkipped(outcome, strict);
  });
}

/** Whoever reads only the end of a long log still learns what failed, and why. */
function describeFailure(name: string, messages: readonly string[]): string {
  const lines = messages.flatMap((message) => message.split("\n").slice(0, FAILURE_LINES));
  return [`   FAILED: ${name}`, ...lines.map((line) => `      ${line}`), ""].join("\n");
}

const listSchema = z.array(z.object({ name: z.string(), file: z.string() }));

interface SkipOptions {
  /** The script of package.json that would have started it; its projects' names begin so. */
  readonly script: string;
  readonly reason: string;
  readonly strict: boolean;
}

/** Names every test of a project that cannot run here, and counts it. */
export async function skipVitest({ script, reason, strict }: SkipOptions): Promise<Count> {
  const names = await withReport(async (file) => {
    const well = await run("list-tests", ["--project", `${script}*`, `--json=${file}`], 60_000);
    return well ? listSchema.parse(await readJson(file)).map((test) => test.name) : [];
  });
  if (names.length === 0) return { passed: 0, failed: 1, skipped: 0 };
  for (const name of names) process.stdout.write(`   skipped (${reason}): ${name}\n`);
  return judgeSkipped({ count: { passed: 0, failed: 0, skipped: names.length } }, strict);
}

async function withReport<T>(use: (file: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "sennit-test-"));
  try {
    return await use(join(directory, "report.json"));
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch {
    // The runner died before it wrote: countReport makes a failure of that.
    return undefined;
  }
}

/** Runs a script of package.json on this Node, its output being ours. False when it failed, died or took too long. */
function run(script: string, args: readonly string[], timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ["--run", script, "--", ...args], {
      stdio: ["ignore", "inherit", "inherit"],
      timeout: timeoutMs,
    });
    child.once("error", () => resolve(false));
    child.once("exit", (code, signal) => {
      if (signal !== null) process.stdout.write(`   ${script} was ended by ${signal}\n`);
      resolve(code === 0);
    });
  });
}
