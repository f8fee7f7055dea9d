import type { Connection, Listener } from "../../src/linux/sockets.ts";

/** A TCP connection with both its ends in the hands of a test. */
export interface Connected {
  readonly client: Connection;
  readonly server: Connection;
  readonly close: () => Promise<void>;
}

/** Listens, dials, and waits until both ends are there. */
export async function connectedBy(
  listen: (onConnection: (connection: Connection) => void) => Promise<Listener>,
  dial: () => Promise<Connection>,
): Promise<Connected> {
  const first = Promise.withResolvers<void>();
  // More than one where something takes MPTCP out: the first is dropped, and made again as plain TCP.
  const accepted: Connection[] = [];
  const listener = await listen((connection) => {
    connection.stream.on("error", () => undefined);
    accepted.push(connection);
    first.resolve();
  });
  const client = await dial();
  client.stream.on("error", () => undefined);
  await first.promise;
  const [server = client] = accepted.slice(-1);
  const close = async (): Promise<void> => {
    for (const connection of [client, ...accepted]) connection.reset();
    await listener.close();
  };
  return { client, server, close };
}
