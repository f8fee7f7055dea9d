import { CommanderError } from "commander";
import { SennitError } from "../base/errors.ts";

/** What `sennit` ends with. Documented in its help; scripts rely on it. */
export const EXIT = {
  ok: 0,
  /** It was tried and did not work. */
  failure: 1,
  /** The command line or a config file is wrong; nothing was tried. */
  usage: 2,
  /** The router, server or lab that was asked is not running. */
  notRunning: 3,
} as const;

export const EXIT_CODES = `Exit codes:
  0  done
  1  it did not work
  2  the command line or a config file is wrong
  3  the router, server or lab asked is not running`;

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (!(error instanceof SennitError)) return EXIT.failure;
  if (error.code === "not-running") return EXIT.notRunning;
  return error.causeClass === "config" ? EXIT.usage : EXIT.failure;
}
