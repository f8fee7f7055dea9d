import { createPrivateKey, randomBytes, type KeyObject } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { join } from "node:path";
import { Client } from "../../src/api/client.ts";
import { socketPath } from "../../src/api/listen.ts";
import type { Pair } from "../../src/lab/pair.ts";
import { formatEndpoint, type Connection, type Sockets } from "../../src/linux/sockets.ts";
import { createRouterKey } from "../../src/relay/identity.ts";
import { exporterOf, nodeTlsDial } from "../relay/nodetls.ts";
import { FrameDecoder } from "../../src/wire/decoder.ts";
import { encodeFrame, type Frame } from "../../src/wire/frames.ts";
import { encodeHello, rawPublicKey, SESSION_ID_BYTES, type HelloFields } from "../../src/wire/hello.ts";
import { decodeToken, type JoinToken } from "../../src/wire/token.ts";
import { PORT, SERVER } from "./site.ts";
import { until } from "./until.ts";

const DIAL_MS = 5000;

/** A new invitation of the running server. */
export async function invitation(pair: Pair, label: string): Promise<JoinToken> {
  const api = new Client(socketPath(join(pair.directory, "server")));
  const { token } = await api.invite({ endpoints: [`${SERVER.v4}:${PORT}`], label });
  return decodeToken(token);
}

/** A connection to the server's port, by whoever it may be. */
export function knock(from: Sockets): Promise<Connection> {
  return from.dial({
    transport: "mptcp",
    remote: { address: SERVER.v4, port: PORT },
    timeoutMs: DIAL_MS,
  });
}

export const createKey = (): KeyObject => createPrivateKey(createRouterKey());

/** A router in the hands of a test: its TLS and its keys are real, what it says is up to the test. */
export class Stranger {
  /** As the server's log names it. */
  readonly name: string;
  readonly stream: TLSSocket;
  readonly heard: Frame[] = [];
  #closed = false;

  static async dial(from: Sockets): Promise<Stranger> {
    const connection = await knock(from);
    const stream = await nodeTlsDial(connection.stream, AbortSignal.timeout(DIAL_MS));
    return new Stranger(formatEndpoint(connection.local), stream);
  }

  private constructor(name: string, stream: TLSSocket) {
    this.name = name;
    this.stream = stream;
    const decoder = new FrameDecoder();
    const sink = { frame: (frame: Frame) => void this.heard.push(frame), data: () => undefined };
    stream.on("data", (bytes: Buffer) => decoder.push(bytes, sink));
    stream.on("close", () => (this.#closed = true));
    // Half-open: that the server has ended must end us too.
    stream.on("end", () => stream.destroy());
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** HELLO's body, in order but for what the test says. */
  helloBody(fields: Partial<HelloFields> = {}, key = createKey(), signer = key): Buffer {
    const session = randomBytes(SESSION_ID_BYTES);
    const hello = { session, carrier: 1, routerKey: rawPublicKey(key), invite: undefined, ...fields };
    return encodeHello(hello, signer, exporterOf(this.stream));
  }

  hello(fields?: Partial<HelloFields>, key?: KeyObject, signer?: KeyObject): void {
    this.stream.write(encodeFrame({ kind: "hello", body: this.helloBody(fields, key, signer) }));
  }

  /** Comes in by an invitation. */
  async enter(token: JoinToken): Promise<void> {
    this.hello({ invite: token.invite });
    await this.hear("welcome");
  }

  /** Waits for a frame of that kind, about that flow where one is named. */
  async hear<K extends Frame["kind"]>(kind: K, flow?: number): Promise<Extract<Frame, { kind: K }>> {
    const wanted = (frame: Frame): boolean =>
      frame.kind === kind && (flow === undefined || ("flow" in frame && frame.flow === flow));
    const frames = await until(
      () => this.heard,
      (heard) => heard.some(wanted),
    );
    return frames.find(wanted) as Extract<Frame, { kind: K }>;
  }
}
