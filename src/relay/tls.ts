import { constants } from "node:crypto";
import type { Duplex } from "node:stream";
import { connect, createSecureContext, TLSSocket, type SecureContext } from "node:tls";
import { messageOf, SennitError } from "../base/errors.ts";
import { ALPN } from "../wire/constants.ts";
import { EXPORTER_BYTES, EXPORTER_LABEL } from "../wire/hello.ts";
import { pinOf, type ServerIdentity } from "./identity.ts";

/** AES-128 first: the fastest with AES instructions; ChaCha20 for boards without them (a router may put it first). */
const CIPHERS = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";
const COMMON = { minVersion: "TLSv1.3", ciphers: CIPHERS } as const;

/** The server's side of TLS, made once. No tickets: a carrier is dialled rarely, and nothing is to be resumed. */
export function serverContext(identity: ServerIdentity): SecureContext {
  return createSecureContext({
    ...COMMON,
    key: identity.keyPem,
    cert: identity.certificatePem,
    secureOptions: constants.SSL_OP_NO_TICKET,
  });
}

/**
 * Shakes hands as the dialling side and checks that the server is the pinned one, before a byte is said to it.
 * Rejects with class `peer`, codes `wrong-server-key`, `not-sennit`, or class `network`, `tls-failed`.
 */
export function tlsDial(stream: Duplex, pin: Buffer, signal: AbortSignal): Promise<TLSSocket> {
  const socket = connect({
    ...COMMON,
    socket: stream,
    ALPNProtocols: [ALPN],
    // No authority vouches for a server: the pin does, below.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  });
  return handshake(socket, "secureConnect", signal, () => {
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined || !pinOf(certificate.raw).equals(pin)) {
      throw new SennitError("peer", "wrong-server-key", "the server's key is not the one in the join token", {
        remedy:
          "if the server was installed anew, ask for a new token and join again; else somebody is in between",
      });
    }
  });
}

/** Shakes hands as the accepting side. Rejects with class `peer`, codes `not-tls`, `not-sennit`. */
export function tlsAccept(stream: Duplex, context: SecureContext, signal: AbortSignal): Promise<TLSSocket> {
  const socket = new TLSSocket(stream, {
    isServer: true,
    secureContext: context,
    ALPNProtocols: [ALPN],
    requestCert: false,
  });
  // Made by hand it only mentions a record that is broken, and would stay open, deaf.
  socket.on("_tlsError", (error: Error) => socket.destroy(error));
  // On an accepting TLSSocket made by hand Node says 'secure' instead of 'secureConnect'.
  return handshake(socket, "secure", signal, () => undefined);
}

/** 32 bytes that only the two ends of this connection know (RFC 8446 section 7.5). */
export function exporterOf(socket: TLSSocket): Buffer {
  return socket.exportKeyingMaterial(EXPORTER_BYTES, EXPORTER_LABEL, Buffer.alloc(0));
}

function handshake(
  socket: TLSSocket,
  done: string,
  signal: AbortSignal,
  verify: () => void,
): Promise<TLSSocket> {
  // Errors that come before the carrier listens, or after the handshake was given up, must not be nobody's.
  socket.on("error", () => undefined);
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      socket.off(done, onDone).off("error", onError).off("_tlsError", onError);
      socket.off("end", onClose).off("close", onClose);
      signal.removeEventListener("abort", onAbort);
      if (error === undefined) {
        resolve(socket);
        return;
      }
      socket.destroy();
      reject(error);
    };
    const onError = (error: Error): void => settle(explain(error));
    const onClose = (): void =>
      settle(new SennitError("peer", "not-tls", "the connection ended during the TLS handshake"));
    const onAbort = (): void => settle(signal.reason as Error);
    const onDone = (): void => {
      try {
        if (socket.alpnProtocol !== ALPN) {
          throw new SennitError("peer", "not-sennit", "the other end speaks TLS, but not Sennit's protocol");
        }
        verify();
        settle();
      } catch (error) {
        settle(error as Error);
      }
    };
    // 'error' is what the dialling side and the transport say, '_tlsError' the accepting side's handshake failures.
    socket.on(done, onDone).on("error", onError).on("_tlsError", onError);
    // 'end' too: on a half-open connection no 'close' follows from the other end's leaving.
    socket.on("end", onClose).on("close", onClose);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}

/** OpenSSL's codes that say what the other end really is. */
function explain(error: Error & { code?: string }): SennitError {
  const code = error.code ?? "";
  if (code.includes("NO_APPLICATION_PROTOCOL")) {
    return new SennitError("peer", "not-sennit", "the other end speaks TLS, but not Sennit's protocol", {
      cause: error,
    });
  }
  if (code === "ERR_SSL_HTTP_REQUEST") {
    return new SennitError("peer", "plain-http", "a plain HTTP request came instead of TLS", {
      cause: error,
    });
  }
  if (code.startsWith("ERR_SSL")) {
    const words = code.slice("ERR_SSL_".length).toLowerCase().replaceAll("_", " ");
    return new SennitError("peer", "not-tls", `TLS handshake failed: ${words}`, { cause: error });
  }
  return new SennitError("network", "tls-failed", `TLS handshake failed: ${messageOf(error)}`, {
    cause: error,
  });
}
