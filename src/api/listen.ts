import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import { chmod, lstat, unlink } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { SennitError } from "../base/errors.ts";
import { privateDirectory } from "../store/private.ts";

/** The API's socket of the role whose run directory this is. */
export const socketPath = (runDirectory: string): string => join(runDirectory, "api.sock");

/** Requests are answered from memory; one that takes longer to arrive is a reader that hangs. */
const REQUEST_TIMEOUT_MS = 10_000;
/** The CLI and a UI or two: what is beyond is a runaway script. */
const MAX_CONNECTIONS = 64;
/** sun_path of unix(7), less the closing zero. Node would cut a longer path short without a word. */
const MAX_SOCKET_PATH = 107;

export interface Listener {
  /** Ends open connections and removes the socket. */
  close(): Promise<void>;
}

/**
 * Serves `api` on a Unix socket that only its owner can reach. A socket left behind by a process that died is
 * replaced. Throws `already-running` where somebody still answers on it, `directory-open`, `socket-path`.
 */
export async function listenOnSocket(api: Hono, path: string): Promise<Listener> {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH) {
    throw new SennitError(
      "config",
      "socket-path",
      `the socket's path is longer than ${MAX_SOCKET_PATH}: ${path}`,
    );
  }
  await privateDirectory(dirname(path));
  await removeStale(path);
  const answer = getRequestListener(api.fetch);
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS }, (incoming, outgoing) => {
    void answer(incoming, outgoing);
  });
  server.maxConnections = MAX_CONNECTIONS;
  await listening(server, path);
  await chmod(path, 0o600);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new SennitError("config", "socket-path", `cannot listen on ${path}: ${cause.message}`, { cause }),
      ),
    );
    server.listen(path, resolve);
  });
}

/** A socket that refuses connections belongs to nobody any more (unix(7)). */
async function removeStale(path: string): Promise<void> {
  const kind = await lstat(path).catch(() => undefined);
  if (kind === undefined) return;
  if (!kind.isSocket())
    throw new SennitError("config", "socket-path", `${path} is there and is not a socket`);
  await refuseRunning(path);
  await unlink(path);
}

/** Throws `already-running` where somebody answers on the API's socket `path`. */
export async function refuseRunning(path: string): Promise<void> {
  if (!(await answers(path))) return;
  throw new SennitError("config", "already-running", `another Sennit already answers on ${path}`, {
    remedy: "stop it first, or name another run directory",
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (alive: boolean): void => {
      socket.destroy();
      resolve(alive);
    };
    socket.once("connect", () => settle(true));
    // Whatever else stands in the way (no permission, a full backlog), somebody holds it.
    socket.once("error", ({ code }: NodeJS.ErrnoException) =>
      settle(code !== "ECONNREFUSED" && code !== "ENOENT"),
    );
  });
}
