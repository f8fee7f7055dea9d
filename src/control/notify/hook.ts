import type { HookConfig } from "../../config/router/notify.ts";
import type { Exec } from "../../linux/exec.ts";
import { messageFor, type Sink } from "./sink.ts";

/** What a hook may print before it is killed: its output goes nowhere, unless it fails. */
const MAX_OUTPUT_BYTES = 64 * 1024;

/** What a program may rely on, as a service manager has it (systemd.exec(5)); ours is none of its business. */
const ENVIRONMENT = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" } as const;

/** A program that is run for every event, without a shell. What it does when it fails is its own affair. */
export function hookSink({ run, timeout }: Pick<HookConfig, "run" | "timeout">, exec: Exec): Sink {
  return {
    name: `hook ${run[0]}`,
    retries: false,
    async deliver(event) {
      await exec(run, {
        input: `${messageFor(event)}\n`,
        timeoutMs: timeout,
        maxOutput: MAX_OUTPUT_BYTES,
        env: ENVIRONMENT,
        // Its arguments may be a password.
        called: run[0],
      });
    },
  };
}
