import { createPrivateKey, randomBytes, type KeyObject } from "node:crypto";
import type { Duplex } from "node:stream";
import { ManualClock } from "../../src/base/clock.ts";
import { MemoryLog } from "../../src/base/log.ts";
import { FakeNetwork } from "../../src/linux/fake/network.ts";
import type { Connection, Sockets } from "../../src/linux/sockets.ts";
import { Acceptor, type PeerSession } from "../../src/relay/acceptor.ts";
import { Admission, hashSecret } from "../../src/relay/admission.ts";
import { WindowBudget } from "../../src/relay/budget.ts";
import { createServerIdentity } from "../../src/relay/certificate.ts";
import type { Flow } from "../../src/relay/flow.ts";
import { Door as Entrance } from "../../src/relay/door.ts";
import { dialHandshake } from "../../src/relay/handshake.ts";
import { createRouterKey, pinOf, routerId } from "../../src/relay/identity.ts";
import { Session } from "../../src/relay/session.ts";
import { serverContext, tlsAccept, type Secured } from "../../src/relay/tls.ts";
import { SESSION_ID_BYTES, type Invite } from "../../src/wire/hello.ts";
import { FrameDecoder } from "../../src/wire/decoder.ts";
import type { Frame } from "../../src/wire/frames.ts";
import { exporterOf, nodeTlsDial } from "./nodetls.ts";

/**
 *   router 192.0.2.1 ---- in memory ---- server 192.0.2.2:443
 */
export const ROUTER = "192.0.2.1";
export const SERVER = { address: "192.0.2.2", port: 443 } as const;

const MEBIBYTE = 1024 * 1024;
/** Milliseconds since 1970, at which all invitations still stand. */
export const TODAY = Date.UTC(2026, 0, 1);

const identity = await createServerIdentity();
export const PIN = pinOf(identity.certificatePem);
export const CONTEXT = serverContext(identity);

export interface RouterKey {
  readonly key: KeyObject;
  readonly id: string;
}

export function createKey(): RouterKey {
  const text = createRouterKey();
  return { key: createPrivateKey(text), id: routerId(text) };
}

/** A server's door in memory, with one router on its list. */
export class Door {
  readonly clock = new ManualClock();
  readonly network = new FakeNetwork(this.clock);
  readonly log = new MemoryLog();
  readonly router = createKey();
  readonly client: Sockets = this.network.host("router", { addresses: [ROUTER] });
  readonly budget = new WindowBudget(64 * MEBIBYTE);
  readonly admission: Admission;
  readonly acceptor: Acceptor;
  readonly entrance: Entrance;
  readonly opened: Flow[] = [];
  readonly ended: PeerSession[] = [];
  today = TODAY;

  /** `receive`: who hears HELLO, in place of the acceptor. */
  constructor(receive?: (connection: Connection, secured: Secured, signal: AbortSignal) => Promise<void>) {
    const { clock, log } = this;
    this.admission = new Admission(() => this.today);
    this.admission.update({ routers: [{ id: this.router.id, name: "home" }], invites: [] });
    this.acceptor = new Acceptor({
      greet: () => undefined,
      graceBytes: () => 1_000_000,
      clock,
      log,
      createSession: (_, id, onCarriers) => this.createSession(id, false, onCarriers),
      onEnded: (peer) => this.ended.push(peer),
    });
    this.entrance = new Entrance({
      sockets: this.network.host("server", { addresses: [SERVER.address] }),
      clock,
      log,
      shake: async (connection, signal) => {
        const secured = await tlsAccept(connection, CONTEXT, signal);
        if (receive !== undefined) await receive(connection, secured, signal);
        else await this.acceptor.receive(connection, secured, this.admission, signal);
      },
    });
  }

  async close(): Promise<void> {
    await this.entrance.close();
    this.acceptor.stop();
  }

  open(): Promise<void> {
    this.acceptor.start();
    return this.entrance.open([SERVER]);
  }

  /** An invitation on the list. */
  invite(expires = TODAY + 1): Invite {
    const invite = { id: randomBytes(8), secret: randomBytes(24) };
    this.admission.update({
      routers: [{ id: this.router.id, name: "home" }],
      invites: [
        { id: invite.id.toString("hex"), secretHash: hashSecret(invite.secret), expires, name: "cabin" },
      ],
    });
    return invite;
  }

  connect(): Promise<Connection> {
    return this.client.dial({ transport: "mptcp", remote: SERVER, timeoutMs: 1000 });
  }

  /** Shakes hands as a router does; resolves with its session. */
  async join(
    options: {
      readonly key?: KeyObject;
      readonly invite?: Invite;
      readonly pin?: Buffer;
      readonly session?: Session;
      readonly number?: number;
    } = {},
  ): Promise<Session> {
    const { clock } = this;
    const { pin = PIN, key = this.router.key, number = 1, invite } = options;
    const session = options.session ?? this.createSession(randomBytes(SESSION_ID_BYTES), true);
    await dialHandshake(await this.connect(), {
      transport: "mptcp",
      clock,
      signal: new AbortController().signal,
      privateKey: key,
      invite,
      pin,
      session: session.id,
      number,
      adopt: (carrier) => session.addCarrier(carrier),
    });
    return session;
  }

  /** TLS as a router does it, and what the server says over it. */
  async shake(): Promise<{ readonly stream: Duplex; readonly heard: Frame[]; readonly exporter: Buffer }> {
    const connection = await this.connect();
    const stream = await nodeTlsDial(connection.stream);
    const heard: Frame[] = [];
    const decoder = new FrameDecoder();
    const sink = { frame: (frame: Frame) => void heard.push(frame), data: () => undefined };
    stream.on("data", (bytes: Buffer) => decoder.push(bytes, sink));
    return { stream, heard, exporter: exporterOf(stream) };
  }

  /** Codes of the refusals in the log, oldest first. */
  get refusals(): unknown[] {
    return this.log.lines.filter(({ message }) => message === "refused").map(({ fields }) => fields["code"]);
  }

  /** A session at either end. */
  createSession(id: Buffer, dialled: boolean, onCarriers?: () => void): Session {
    const { clock, log, budget } = this;
    return new Session({
      id,
      dialled,
      clock,
      log,
      budget,
      maxFlows: 100,
      onOpen: (flow) => this.opened.push(flow),
      ...(onCarriers !== undefined && { onCarriers }),
    });
  }
}
