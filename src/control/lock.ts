import { createServer } from "node:net";
import { SennitError } from "../base/errors.ts";

/**
 * An abstract Unix socket: its name belongs to the network namespace (network_namespaces(7)), and the kernel frees it
 * however the process ends. Both roles share it, since they share table, rules, limits and settings.
 */
const NAME = "\0sennit";

/**
 * Makes this process the only Sennit that changes the kernel of its network namespace, until the returned function is
 * called or the process ends. Throws `already-running` where another one is it.
 */
export async function lockNamespace(name = NAME): Promise<() => void> {
  const lock = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    lock.once("error", (cause: NodeJS.ErrnoException) =>
      reject(
        cause.code === "EADDRINUSE"
          ? new SennitError(
              "config",
              "already-running",
              "another Sennit runs in this network namespace already",
              {
                remedy: "stop it first, or give this one a network namespace of its own",
                cause,
              },
            )
          : cause,
      ),
    );
    lock.listen(name, resolve);
  });
  lock.unref();
  return () => void lock.close();
}
