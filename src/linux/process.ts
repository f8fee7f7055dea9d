import { spawn, type StdioOptions } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { quoteArgv } from "../base/argv.ts";
import { SennitError } from "../base/errors.ts";

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program that runs on, beside us or after us. */
export interface Child {
  readonly pid: number;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Settles once, when the program has ended; never rejects. */
  readonly exited: Promise<Exit>;
  /** Whether we stay for its end: a `tied` program keeps us from ending while it runs, a `free` one only after `ref`. */
  ref(): void;
  unref(): void;
  /** False when it had ended already. */
  kill(signal: NodeJS.Signals): boolean;
}

export interface StartOptions {
  /** Network namespace to start in: `/run/netns/NAME` or `/proc/PID/ns/net`. */
  readonly netns?: string;
  /**
   * `tied`: killed by the kernel as soon as the thread that started it ends, whatever ended it (prctl PDEATHSIG).
   * `free`: a session of its own; goes on when we end and does not hear our terminal's Ctrl-C.
   */
  readonly life: "tied" | "free";
  /** Like child_process; by default nothing in, output inherited. */
  readonly stdio?: StdioOptions;
  readonly env?: NodeJS.ProcessEnv;
}

/** Starts a program without a shell. Rejects with `exec-missing` or `exec-failed` when it cannot be started. */
export function start(argv: readonly [string, ...string[]], options: StartOptions): Promise<Child> {
  const command: string[] = [
    ...(options.life === "tied" ? ["setpriv", "--pdeathsig", "KILL", "--"] : []),
    ...(options.netns === undefined ? [] : ["nsenter", `--net=${options.netns}`, "--"]),
    ...argv,
  ];
  const [file = "", ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: options.stdio ?? ["ignore", "inherit", "inherit"],
      detached: options.life === "free",
      env: options.env ?? process.env,
    });
    const exited = new Promise<Exit>((settle) => {
      child.once("exit", (code, signal) => settle({ code, signal }));
    });
    child.once("error", (error: NodeJS.ErrnoException) => {
      const code = error.code === "ENOENT" ? "exec-missing" : "exec-failed";
      reject(new SennitError("kernel", code, `${quoteArgv(command)}: ${error.message}`, { cause: error }));
    });
    child.once("spawn", () => {
      if (options.life === "free") child.unref();
      resolve({
        pid: child.pid ?? 0,
        stdin: child.stdin,
        stdout: child.stdout,
        stderr: child.stderr,
        exited,
        ref: () => child.ref(),
        unref: () => child.unref(),
        kill: (signal) => child.kill(signal),
      });
    });
  });
}
