import { constants } from "node:crypto";
import { connect, createSecureContext, TLSSocket, type SecureContext } from "node:tls";
import { messageOf, SennitError } from "../base/errors.ts";
import { aeadProblem } from "../linux/aead.ts";
import type { Connection } from "../linux/sockets.ts";
import { ALPN } from "../wire/constants.ts";
import { EXPORTER_BYTES, EXPORTER_LABEL } from "../wire/hello.ts";
import type { Channel } from "./channel.ts";
import { HandshakePipe } from "./handshakepipe.ts";
import { pinOf, type ServerIdentity } from "./identity.ts";
import { StreamChannel } from "./streamchannel.ts";
import { TlsChannel, type TlsState } from "./tlschannel.ts";
import { suiteOf } from "./tlsrecords.ts";

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

/** What a TLS handshake leads to. */
export interface Secured {
  /** 32 bytes that only the two ends of this connection know (RFC 8446 section 7.5). */
  readonly exporter: Buffer;
  /** With it, another thread can go on (`securedBy`); undefined where Node's own TLS has to. */
  readonly state: TlsState | undefined;
  /** To be called once. */
  open(): Channel;
}

/** Goes on with a connection on which the handshake was done elsewhere. */
export function securedBy(connection: Connection, exporter: Buffer, state: TlsState): Secured {
  return { exporter, state, open: () => new TlsChannel(connection, state) };
}

/**
 * Shakes hands as the dialling side and checks that the server is the pinned one, before a byte is said to it.
 * Rejects with class `peer`, codes `wrong-server-key`, `not-sennit`, or class `network`, `tls-failed`.
 */
export async function tlsDial(connection: Connection, pin: Buffer, signal: AbortSignal): Promise<Secured> {
  const pipe = new HandshakePipe(connection, "dial");
  const socket = connect({
    ...COMMON,
    socket: pipe,
    ALPNProtocols: [ALPN],
    // No authority vouches for a server: the pin does, below.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  });
  const secrets = secretsOf(socket);
  await handshake(socket, "secureConnect", signal, () => {
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined || !pinOf(certificate.raw).equals(pin)) {
      throw new SennitError("peer", "wrong-server-key", "the server's key is not the one in the join token", {
        remedy:
          "if the server was installed anew, ask for a new token and join again; else somebody is in between",
      });
    }
    if (direct()) pipe.hold();
  });
  return secured("dial", connection, pipe, socket, secrets);
}

/** Shakes hands as the accepting side. Rejects with class `peer`, codes `not-tls`, `not-sennit`. */
export async function tlsAccept(
  connection: Connection,
  context: SecureContext,
  signal: AbortSignal,
): Promise<Secured> {
  const pipe = new HandshakePipe(connection, "accept");
  const socket = new TLSSocket(pipe, {
    isServer: true,
    secureContext: context,
    ALPNProtocols: [ALPN],
    requestCert: false,
  });
  // Made by hand it only mentions a record that is broken, and would stay open, deaf.
  socket.on("_tlsError", (error: Error) => socket.destroy(error));
  const secrets = secretsOf(socket);
  // On an accepting TLSSocket made by hand Node says 'secure' instead of 'secureConnect'.
  await handshake(socket, "secure", signal, () => {
    if (direct()) pipe.hold();
  });
  return secured("accept", connection, pipe, socket, secrets);
}

/** The application traffic secrets by their names in the key log (RFC 9850 section 2), as they come. */
function secretsOf(socket: TLSSocket): ReadonlyMap<string, Buffer> {
  const secrets = new Map<string, Buffer>();
  socket.on("keylog", (line: Buffer) => {
    const [label = "", , secret = ""] = line.toString("latin1").trim().split(" ");
    if (label.endsWith("_TRAFFIC_SECRET_0")) secrets.set(label, Buffer.from(secret, "hex"));
  });
  return secrets;
}

/** Whether records are sealed by us; else by Node's TLS, which makes an event and a buffer of every one, and stays where it is. */
export const direct = (): boolean => aeadProblem() === undefined;

async function secured(
  side: "dial" | "accept",
  connection: Connection,
  pipe: HandshakePipe,
  socket: TLSSocket,
  secrets: ReadonlyMap<string, Buffer>,
): Promise<Secured> {
  const exporter = socket.exportKeyingMaterial(EXPORTER_BYTES, EXPORTER_LABEL, Buffer.alloc(0));
  if (!direct()) return { exporter, state: undefined, open: () => new StreamChannel(socket) };
  const suite = suiteOf(socket.getCipher().standardName);
  const [ours, theirs] = side === "dial" ? (["CLIENT", "SERVER"] as const) : (["SERVER", "CLIENT"] as const);
  const sendSecret = secrets.get(`${ours}_TRAFFIC_SECRET_0`);
  const receiveSecret = secrets.get(`${theirs}_TRAFFIC_SECRET_0`);
  if (!suite || !sendSecret || !receiveSecret) {
    socket.destroy();
    throw new SennitError("bug", "no-secrets", "TLS does not tell its keys");
  }
  const early = await pipe.takeOver();
  socket.destroy();
  return securedBy(connection, exporter, { suite, sendSecret, receiveSecret, early });
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
