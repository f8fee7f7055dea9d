import { rmSync } from "node:fs";
import { messageOf } from "../base/errors.ts";
import { listNamespaces, removeNamespaces } from "../linux/namespaces.ts";

/**
 * A program of its own that cleans up after one lab: `reaper PREFIX FILE...`. Its standard input is a pipe whose other
 * end only the lab's process holds, so it ends when that process does, however it does, `kill -9` included. Then every
 * process in the namespaces that start with PREFIX is killed, and namespaces and files are removed.
 */
const [, , prefix = "", ...files] = process.argv;

// It has to outlive what ends the lab: the terminal's Ctrl-C and hang-up, and a kill of the whole group.
for (const signal of ["SIGINT", "SIGHUP", "SIGTERM"] as const) process.on(signal, () => undefined);

process.stdin.resume().once("close", () => {
  removeNamespaces(listNamespaces(prefix))
    .catch((error: unknown) => {
      process.stderr.write(`sennit lab: ${messageOf(error)}\n`);
      process.exitCode = 1;
    })
    .finally(() => {
      for (const file of files) rmSync(file, { recursive: true, force: true });
    });
});
