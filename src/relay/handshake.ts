import type { KeyObject } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import { SennitError } from "../base/errors.ts";
import type { Connection, Transport } from "../linux/sockets.ts";
import { malformed } from "../wire/bytes.ts";
import { FEATURES, Reject } from "../wire/constants.ts";
import type { Frame } from "../wire/frames.ts";
import {
  commonVersion,
  decodeHello,
  decodeReject,
  decodeWelcome,
  encodeHello,
  encodeReject,
  encodeWelcome,
  offeredVersions,
  rawPublicKey,
  type Hello,
  type Invite,
  type Welcome,
} from "../wire/hello.ts";
import { Carrier } from "./carrier.ts";
import type { Channel } from "./channel.ts";
import { tlsDial, type Secured } from "./tls.ts";

interface HandshakeOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  /** Ends the handshake, with its reason as the error: the time limit, or we are stopping. */
  readonly signal: AbortSignal;
}

export interface DialHandshake extends HandshakeOptions {
  readonly privateKey: KeyObject;
  readonly invite: Invite | undefined;
  /** Pin of the server's key. */
  readonly pin: Buffer;
  readonly session: Buffer;
  /** Number of this carrier in its session. */
  readonly number: number;
  /** Takes the carrier over by `carrier.use`, at once: more frames may stand behind WELCOME in the same bytes. */
  readonly adopt: (carrier: Carrier, welcome: Welcome) => void;
}

export interface AcceptHandshake extends HandshakeOptions {
  /** Decides on a HELLO whose form, version and signature are right; answers with our instance id, or throws `turnedAway`. */
  readonly judge: (hello: Hello) => Buffer;
  readonly adopt: (carrier: Carrier, hello: Hello) => void;
}

/** The refusal of a HELLO: its message is for both ends' logs. */
export function turnedAway(code: (typeof Reject)[keyof typeof Reject], message: string): SennitError {
  return new SennitError("peer", `hello-${nameOf(code)}`, message, { detail: { reject: code } });
}

/** TLS, HELLO and WELCOME from the dialling side. Rejects with class `peer` or `network`; the connection is closed then. */
export async function dialHandshake(connection: Connection, options: DialHandshake): Promise<void> {
  const secured = await tlsDial(connection, options.pin, options.signal);
  const carrier = carrierOn(connection, secured.open(), options.number, options);
  const answered = firstFrame(
    carrier,
    options.signal,
    (frame) => options.adopt(carrier, readAnswer(frame)),
    () => carrier.close(),
  );
  const body = encodeHello(
    {
      session: options.session,
      carrier: options.number,
      routerKey: rawPublicKey(options.privateKey),
      invite: options.invite,
    },
    options.privateKey,
    secured.exporter,
  );
  carrier.send({ kind: "hello", body });
  await answered;
}

/**
 * HELLO and WELCOME from the accepting side: the other end is told why not, where it speaks our language at all. A
 * connection that was told closes by itself once it has sent that; no RST may overtake it.
 */
export async function acceptHandshake(
  connection: Connection,
  secured: Secured,
  options: AcceptHandshake,
): Promise<void> {
  const carrier = carrierOn(connection, secured.open(), 0, options);
  const take = (frame: Frame): void => {
    const { hello, version } = readHello(frame, secured.exporter);
    const instance = options.judge(hello);
    carrier.number = hello.carrier;
    carrier.send({ kind: "welcome", body: encodeWelcome({ version, features: FEATURES, instance }) });
    options.adopt(carrier, hello);
  };
  await firstFrame(carrier, options.signal, take, (error) => refuse(carrier, error));
}

/** HELLO as the first frame of a connection, signed for it. Throws what to answer where it is not. */
export function readHello(
  frame: Frame,
  exporter: Buffer,
): { readonly hello: Hello; readonly version: number } {
  if (frame.kind !== "hello") throw malformed("malformed", `the first frame is ${frame.kind}, not HELLO`);
  const offered = offeredVersions(frame.body);
  const version = commonVersion(offered);
  if (version === undefined) {
    const range = `${offered.versionMin} to ${offered.versionMax}`;
    throw turnedAway(Reject.VERSION, `the router speaks versions ${range}, none of which is ours`);
  }
  const { hello, verify } = decodeHello(frame.body);
  if (!verify(exporter)) throw turnedAway(Reject.SIGNATURE, "HELLO is not signed by the key it names");
  return { hello, version };
}

function readAnswer(frame: Frame): Welcome {
  if (frame.kind === "welcome") return decodeWelcome(frame.body);
  if (frame.kind !== "reject") throw malformed("malformed", `the server answered HELLO with ${frame.kind}`);
  const { code, message } = decodeReject(frame.body);
  const error = `the server turned this router away: ${message}`;
  throw new SennitError("peer", `hello-${nameOf(code)}`, error, { detail: { reject: code } });
}

function nameOf(code: number): string {
  const name = Object.entries(Reject).find(([, value]) => value === code)?.[0] ?? "refused";
  return name.toLowerCase().replaceAll("_", "-");
}

function carrierOn(
  connection: Connection,
  channel: Channel,
  number: number,
  options: HandshakeOptions,
): Carrier {
  const { transport, clock } = options;
  const { local, remote } = connection;
  return new Carrier({
    number,
    transport,
    channel,
    local,
    remote,
    clock,
    info: () => connection.info(),
    reset: () => connection.reset(),
  });
}

/**
 * Starts the carrier and hands its first frame to `take`, in the very call that brought it. What `take` throws goes to
 * `giveUp`, which is to close the carrier.
 */
function firstFrame(
  carrier: Carrier,
  signal: AbortSignal,
  take: (frame: Frame) => void,
  giveUp: (error: unknown) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      signal.removeEventListener("abort", onAbort);
      reject(error);
    };
    const onAbort = (): void => carrier.close(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
    carrier.start({
      frame: (frame) => {
        try {
          take(frame);
          signal.removeEventListener("abort", onAbort);
          resolve();
        } catch (error) {
          fail(error as Error);
          giveUp(error);
        }
      },
      data: () => carrier.close(malformed("malformed", "DATA before HELLO was answered")),
      settle: () => undefined,
      carrierClosed: (_, error) =>
        fail(
          error ?? new SennitError("peer", "hello-missing", "the connection ended before HELLO was answered"),
        ),
    });
    if (signal.aborted) onAbort();
  });
}

/** Closes the carrier, after a REJECT where the blame is the peer's. */
function refuse(carrier: Carrier, error: unknown): void {
  if (error instanceof SennitError && error.causeClass === "peer") {
    const code = Number(error.detail["reject"] ?? Reject.MALFORMED);
    carrier.send({ kind: "reject", body: encodeReject({ code, message: error.message }) });
  }
  carrier.close();
}
