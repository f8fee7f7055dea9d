import { createHash } from "node:crypto";
import type { Duplex } from "node:stream";
import { ManualClock } from "../../src/base/clock.ts";
import { MemoryLog } from "../../src/base/log.ts";
import { FakeNetwork } from "../../src/linux/fake/network.ts";
import type { Connection, Sockets } from "../../src/linux/sockets.ts";
import { WindowBudget } from "../../src/relay/budget.ts";
import { Carrier, type CarrierUser } from "../../src/relay/carrier.ts";
import type { Flow } from "../../src/relay/flow.ts";
import { Session, type SessionOptions } from "../../src/relay/session.ts";
import { StreamChannel } from "../../src/relay/streamchannel.ts";
import { Refusal, TrafficClass } from "../../src/wire/constants.ts";
import type { Frame } from "../../src/wire/frames.ts";
import { lending } from "./lending.ts";
import { until } from "./until.ts";

const MEBIBYTE = 1024 * 1024;
const NEAR = "192.0.2.1";
const FAR = { address: "192.0.2.2", port: 443 } as const;
const TARGET = { address: "198.51.100.1", port: 80 } as const;

/** An application's connection and the end of it that a flow has. */
export interface App {
  readonly app: Connection;
  readonly local: Connection;
}

/** Two sessions with carriers between them, without TLS, and applications at both ends: all in memory, on one clock. */
export class Joined {
  readonly clock = new ManualClock();
  readonly network = new FakeNetwork(this.clock);
  readonly log = new MemoryLog();
  readonly nearBudget: WindowBudget;
  readonly farBudget: WindowBudget;
  readonly near: Session;
  readonly far: Session;
  /** Flows that came to the far end, oldest first. */
  readonly opened: Flow[] = [];
  readonly refused: Refusal[] = [];
  readonly #nearHost: Sockets;
  readonly #farHost: Sockets;
  #port = 10_000;
  #carriers = 0;

  constructor(options: Partial<SessionOptions> & { readonly budgetBytes?: number } = {}) {
    this.#nearHost = this.network.host("near", { addresses: [NEAR] });
    this.#farHost = this.network.host("far", { addresses: [FAR.address] });
    const { budgetBytes = 64 * MEBIBYTE } = options;
    this.nearBudget = new WindowBudget(budgetBytes);
    this.farBudget = new WindowBudget(budgetBytes);
    const { clock, log } = this;
    const common = { id: Buffer.alloc(16), clock, log, maxFlows: 1000 };
    this.near = new Session({
      ...common,
      dialled: true,
      budget: this.nearBudget,
      onOpen: (flow) => flow.refuse(Refusal.POLICY),
      onRefused: (_, reason) => void this.refused.push(reason),
    });
    this.far = new Session({
      ...common,
      dialled: false,
      budget: this.farBudget,
      onOpen: (flow) => void this.opened.push(flow),
      ...options,
    });
  }

  /** Both ends of a new connection in memory. */
  async connection(): Promise<readonly [near: Connection, far: Connection]> {
    const port = this.#port++;
    const accepted: Connection[] = [];
    const remote = { address: FAR.address, port };
    const listener = await this.#farHost.listen({ transport: "mptcp", local: remote }, (one) =>
      accepted.push(one),
    );
    const near = await this.#nearHost.dial({ transport: "mptcp", remote, timeoutMs: 1000 });
    await listener.close();
    const [far] = accepted;
    if (far === undefined) throw new Error("nobody came");
    return [near, far];
  }

  /** A new carrier between the sessions. */
  async carrier(): Promise<readonly [near: Carrier, far: Carrier]> {
    const [near, far] = await this.connection();
    const number = ++this.#carriers;
    return [this.#adopt(near, number, this.near), this.#adopt(far, number, this.far)];
  }

  /** Both ends of a carrier that belongs to no session yet. */
  async unused(): Promise<readonly [near: Carrier, far: Carrier]> {
    const [near, far] = await this.connection();
    const number = ++this.#carriers;
    return [this.#carrierOn(near, number), this.#carrierOn(far, number)];
  }

  /** A carrier to the far session with nobody but the test at its near end. */
  async peer(): Promise<Peer> {
    const [near, far] = await this.connection();
    const number = ++this.#carriers;
    const farCarrier = this.#adopt(far, number, this.far);
    return new Peer(this.#carrierOn(near, number), near, farCarrier);
  }

  async app(): Promise<App> {
    const [app, local] = await this.connection();
    app.stream.on("error", () => undefined);
    return { app, local };
  }

  /** A flow with applications at both ends. */
  async flow(): Promise<{
    readonly near: Connection;
    readonly far: Connection;
    readonly flow: Flow;
    readonly farFlow: Flow;
  }> {
    const near = await this.app();
    const before = this.opened.length;
    const flow = this.near.open(TARGET, TrafficClass.DEFAULT, near.local);
    await until("the flow is opened", () => this.opened.length > before);
    const farFlow = this.opened[before];
    const far = await this.app();
    farFlow?.accept(far.local);
    if (farFlow === undefined) throw new Error("no flow came");
    return { near: near.app, far: far.app, flow, farFlow };
  }

  /** Lets acknowledgements that wait for company go out, until `condition` holds. */
  async pass(what: string, condition: () => boolean): Promise<void> {
    await until(what, () => {
      this.clock.advance(1);
      return condition();
    });
  }

  /** What is left at both ends; nothing, when all flows have ended. */
  get leftovers(): readonly number[] {
    const sizes = [this.near, this.far].flatMap((session) => [
      session.flows.size,
      ...[...session.carriers].map((carrier) => carrier.flows.size),
    ]);
    return [...sizes, this.nearBudget.active, this.farBudget.active].filter((count) => count !== 0);
  }

  #adopt(connection: Connection, number: number, session: Session): Carrier {
    const carrier = this.#carrierOn(connection, number);
    carrier.start(session);
    session.addCarrier(carrier);
    return carrier;
  }

  #carrierOn(connection: Connection, number: number): Carrier {
    const { stream, local, remote } = connection;
    const info = () => connection.info();
    const reset = () => connection.reset();
    const channel = lending(new StreamChannel(stream));
    return new Carrier({
      number,
      transport: "mptcp",
      channel,
      local,
      remote,
      clock: this.clock,
      info,
      reset,
    });
  }
}

/** The other end of a carrier, in the hands of a test: says what it likes, notes what it hears. */
export class Peer implements CarrierUser {
  readonly carrier: Carrier;
  readonly connection: Connection;
  /** The session's end of the carrier. */
  readonly theirs: Carrier;
  readonly frames: Frame[] = [];
  readonly pieces: { readonly flow: number; readonly offset: number; readonly bytes: Buffer }[] = [];
  closed: { readonly error: Error | undefined } | undefined;
  /** Whether it answers PING, as everybody must. */
  answers = true;

  constructor(carrier: Carrier, connection: Connection, theirs: Carrier) {
    this.carrier = carrier;
    this.connection = connection;
    this.theirs = theirs;
    carrier.start(this);
  }

  frame(frame: Frame): void {
    this.frames.push(frame);
    if (frame.kind === "ping" && this.answers) this.carrier.send({ kind: "pong", nonce: frame.nonce });
  }

  data(flow: number, offset: number, bytes: Buffer): void {
    this.pieces.push({ flow, offset, bytes: Buffer.from(bytes) });
  }

  settle(): void {}

  carrierClosed(_: Carrier, error: Error | undefined): void {
    this.closed = { error };
  }

  open(flow: number, window = 1_000_000): void {
    this.carrier.send({ kind: "open", flow, window, cls: TrafficClass.DEFAULT, target: TARGET });
  }

  /** Frames of one kind that came. */
  heard<Kind extends Frame["kind"]>(kind: Kind): readonly Extract<Frame, { kind: Kind }>[] {
    return this.frames.filter((frame): frame is Extract<Frame, { kind: Kind }> => frame.kind === kind);
  }
}

/** Notes length and hash of what comes until the end. */
export function collect(stream: Duplex): {
  bytes: number;
  ended: boolean;
  readonly digest: () => string;
} {
  const hash = createHash("sha256");
  const seen = { bytes: 0, ended: false, digest: () => hash.digest("hex") };
  stream.on("data", (chunk: Buffer) => {
    seen.bytes += chunk.length;
    hash.update(chunk);
  });
  stream.on("end", () => (seen.ended = true));
  return seen;
}
