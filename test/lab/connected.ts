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
  const accepted = Promise.withResolvers<Connection>();
  const listener = await listen(accepted.resolve);
  const client = await dial();
  const server = await accepted.promise;
  for (const { stream } of [client, server]) stream.on("error", () => undefined);
  const close = async (): Promise<void> => {
    client.reset();
    server.reset();
    await listener.close();
  };
  return { client, server, close };
}
