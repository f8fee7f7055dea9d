import { writeFile } from "node:fs/promises";
import { cpus, release, type } from "node:os";
import { Closer } from "../src/base/closer.ts";
import { explain, messageOf, SennitError } from "../src/base/errors.ts";
import { EXIT, exitCodeOf } from "../src/cli/exit.ts";
import { writeLine } from "../src/cli/output.ts";
import { tcpMemory } from "../src/linux/tcpmemory.ts";
import type { Bench, Outcome } from "./bench.ts";
import { readOptions, USAGE, type Options } from "./options.ts";
import { BENCHES } from "./registry.ts";
import { listOf, rowOf, tableOf, type Row } from "./report.ts";

/** One measurement, everything included, may take as long; then it has failed. */
const LIMIT_MS = 20 * 60_000;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = readOptions(args, BENCHES);
    if (options.help) writeLine(USAGE);
    else if (options.list) for (const line of listOf(BENCHES)) writeLine(line);
    else return await measure(options);
    return EXIT.ok;
  } catch (error) {
    say(`bench: ${explain(error)}`);
    if (error instanceof SennitError && error.code === "bench-usage") say(USAGE);
    return exitCodeOf(error);
  }
}

async function measure(options: Options): Promise<number> {
  // Before anything is measured: who cannot write there should not wait half an hour to hear of it.
  if (options.out !== undefined) await write(options.out, []);
  const stopped = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => stopped.abort(new Error(`stopped by ${signal}`)));
  }
  const rows: Row[] = [];
  const versions = new Set<string>();
  for (const bench of options.benches) {
    if (stopped.signal.aborted) break;
    rows.push(rowOf(bench.id, await run(bench, options, versions, stopped.signal)));
    // As it comes: the rows that are there outlive whatever ends us.
    if (options.out !== undefined) await write(options.out, rows);
  }
  for (const line of tableOf(rows)) writeLine(line);
  writeLine();
  writeLine(`${type()} ${release()}, ${cpus().length} cores; ${[...versions].join(", ")}`);
  return rows.length === options.benches.length && rows.every(({ ok }) => ok) ? EXIT.ok : EXIT.failure;
}

/** One measurement, in bounded time; nothing of it is left afterwards. */
async function run(
  bench: Bench,
  options: Options,
  versions: Set<string>,
  stopped: AbortSignal,
): Promise<Outcome> {
  const { used, low } = tcpMemory();
  // Every window is small then: no figure would be anybody's own.
  if (used > low)
    return failed(
      `with nothing running, TCP holds ${used} pages of memory (tcp_mem: ${low}): restart the machine`,
    );
  const startedAt = performance.now();
  const closer = new Closer();
  const end = Promise.withResolvers<never>();
  const late = setTimeout(() => end.reject(new Error(`no end after ${LIMIT_MS / 60_000} min`)), LIMIT_MS);
  const stop = (): void => end.reject(stopped.reason);
  stopped.addEventListener("abort", stop);
  const running = bench.run({
    rounds: (usual) => options.rounds ?? usual,
    seconds: (usual) => options.seconds ?? usual,
    closer,
    uses: (version) => versions.add(version),
    say: (line) => say(`${bench.id}: ${line}`),
  });
  const outcome = await Promise.race([running, end.promise]).catch((error: unknown) =>
    failed(messageOf(error)),
  );
  clearTimeout(late);
  stopped.removeEventListener("abort", stop);
  const left = await undo(closer, running);
  say(`${bench.id}: took ${Math.round((performance.now() - startedAt) / 1000)} s`);
  return { ...outcome, failures: [...outcome.failures, ...left] };
}

/** Takes away whatever was built, and tells what could not be: the next measurement would have it beside it. */
async function undo(closer: Closer, running: Promise<unknown>): Promise<readonly string[]> {
  const failures: string[] = [];
  const close = (): Promise<void> =>
    closer
      .close()
      .catch((error: unknown) => void failures.push(`left something behind: ${reasonsOf(error)}`));
  await close();
  // It may have been in the middle of building something: that is undone once it is there.
  await running.catch(() => undefined);
  await close();
  return [...new Set(failures)];
}

/** What each part that did not stop said. */
function reasonsOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonsOf).join("; ");
  const cause = error instanceof Error && error.cause !== undefined ? `: ${reasonsOf(error.cause)}` : "";
  return messageOf(error) + cause;
}

function failed(why: string): Outcome {
  return { rounds: [], figures: [], failures: [why] };
}

async function write(path: string, rows: readonly Row[]): Promise<void> {
  try {
    await writeFile(path, `${JSON.stringify(rows, undefined, 2)}\n`);
  } catch (cause) {
    throw new SennitError("config", "out-unwritable", `the figures cannot be written: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
