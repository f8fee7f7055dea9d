import { once } from "node:events";
import type { Duplex } from "node:stream";
import { connect, type TLSSocket } from "node:tls";
import { ALPN } from "../../src/wire/constants.ts";
import { EXPORTER_BYTES, EXPORTER_LABEL } from "../../src/wire/hello.ts";

/** TLS as another implementation of a router does it: all of it is Node's. */
export async function nodeTlsDial(stream: Duplex, signal?: AbortSignal): Promise<TLSSocket> {
  const socket = connect({ socket: stream, ALPNProtocols: [ALPN], rejectUnauthorized: false });
  await once(socket, "secureConnect", signal && { signal });
  return socket.on("error", () => undefined);
}

/** What HELLO's signature is over. */
export const exporterOf = (socket: TLSSocket): Buffer =>
  socket.exportKeyingMaterial(EXPORTER_BYTES, EXPORTER_LABEL, Buffer.alloc(0));
