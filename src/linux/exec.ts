import { spawn } from "node:child_process";
import { quoteArgv } from "../base/argv.ts";
import { SennitError } from "../base/errors.ts";

export interface ExecResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
}

export interface ExecOptions {
  /** Fed to standard input: the way for secrets and for long rule sets, never argv. */
  readonly input?: string;
  /** Milliseconds until the program is killed; 10 s unless told: every tool we run answers in well under one. */
  readonly timeoutMs?: number;
  /** Exit codes that are not an error; only 0 unless told. */
  readonly allow?: readonly number[];
  /** Bytes of output kept; more is an error, so that a runaway tool cannot eat the memory. */
  readonly maxOutput?: number;
  /** Instead of our own environment: for programs that are not part of this one. */
  readonly env?: NodeJS.ProcessEnv;
  /** What messages call it, where its arguments may hold secrets; the whole command unless told. */
  readonly called?: string;
}

/** Runs a program to its end. The port through which everything else reaches the tools of the distribution. */
export type Exec = (argv: readonly [string, ...string[]], options?: ExecOptions) => Promise<ExecResult>;

/** Prefixes every command, so that the same runner works inside a network namespace. */
export function inNamespace(exec: Exec, path: string): Exec {
  return (argv, options) => exec(["nsenter", `--net=${path}`, "--", ...argv], options);
}

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_MAX_OUTPUT = 32 * 1024 * 1024;
/** What a program has said is in the pipe when it ends, and read by then (ms); who holds the pipe longer is a child that it left behind. */
const DRAIN_MS = 250;

/**
 * The real runner: never a shell, C locale, arguments quoted and the program's own words in every error. It has ended when
 * the program has, whatever children of its go on.
 * Rejects with cause class `kernel` and code `exec-missing`, `exec-timeout`, `exec-output` or `exec-failed`.
 */
export const exec: Exec = (argv, options = {}) =>
  new Promise((resolve, reject) => {
    const [file, ...args] = argv;
    const child = spawn(file, args, {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...(options.env ?? process.env), LC_ALL: "C" },
    });
    const name = options.called ?? quoteArgv(argv);
    const detail = options.called === undefined ? { argv } : {};
    const fail = (code: string, what: string, cause?: unknown): void => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      letGo();
      reject(new SennitError("kernel", code, `${name}: ${what}`, { detail, cause }));
    };
    const letGo = (): void => {
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const timer = setTimeout(
      () => fail("exec-timeout", "no end in time"),
      options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    );
    const output: [Buffer[], Buffer[]] = [[], []];
    let size = 0;
    for (const [index, stream] of [child.stdout, child.stderr].entries()) {
      stream.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > (options.maxOutput ?? DEFAULT_MAX_OUTPUT)) fail("exec-output", "more output than allowed");
        else output[index]?.push(chunk);
      });
    }
    child.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") fail("exec-missing", `${file} is not installed`, error);
      else fail("exec-failed", error.message, error);
    });
    const end = (code: number | null, signal: NodeJS.Signals | null): void => {
      clearTimeout(drain);
      letGo();
      const [stdout, stderr] = [Buffer.concat(output[0]).toString(), Buffer.concat(output[1]).toString()];
      const status = code ?? -1;
      if (status === 0 || options.allow?.includes(status)) {
        clearTimeout(timer);
        resolve({ stdout, stderr, status });
      } else
        fail("exec-failed", `${signal ?? `exit ${status}`}: ${(stderr || stdout).trim().slice(0, 2000)}`);
    };
    let drain: NodeJS.Timeout | undefined;
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      // The timer of a process that was busy comes before what it has not read yet.
      drain = setTimeout(() => setImmediate(() => end(code, signal)), DRAIN_MS);
    });
    child.on("close", end);
    // A program that ends without reading its input is no reason to fail: its exit code tells.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input);
  });
