import { ManualClock } from "../../src/base/clock.ts";
import { SennitError } from "../../src/base/errors.ts";
import { Carrier } from "../../src/relay/carrier.ts";
import type { Flow } from "../../src/relay/flow.ts";
import { Refusal, TrafficClass } from "../../src/wire/constants.ts";
import { Application } from "./application.ts";
import { Audit, type Side } from "./audit.ts";
import { Life } from "./life.ts";
import { Link, type LinkEnd, type LinkShape, type Tap } from "./link.ts";

/** How the far end answers a flow that is opened. */
export type Answer = "accept" | "late" | "refuse";

const LATE_MS = 300;
/** The smallest window there is while there is memory, and what is read of an application ahead of it (bytes). */
const WINDOW_MIN = 64 * 1024;
const READ_AHEAD = 512 * 1024;
const ADDRESS = "198.51.100.1";
const PEER = { address: "192.0.2.1", port: 443 } as const;
/** Of an event loop, after each alarm: frames gather for one, and what they cause may take another. */
const TURNS = 2;

/** How long memory may be held for an application that does not read, at least (ms). */
const UNREAD_MS = 8000;

/** One flow, as its applications see it. Its target's port is its number. */
export interface Carried {
  readonly number: number;
  readonly answer: Answer;
  readonly flow: number;
  readonly near: { readonly life: Life; readonly app: Application };
  far: { readonly life: Life; readonly app: Application | undefined; readonly flow: Flow } | undefined;
  /** Since when one of its applications has not read (ms of the clock); undefined while both do. */
  unreadSince: number | undefined;
  /** Why it may end before its time. */
  excuse: string | undefined;
}

interface Joint {
  readonly link: Link;
  readonly number: number;
  readonly ends: { readonly [S in Side]: { readonly life: Life; readonly carrier: Carrier } };
}

export interface WorldOptions {
  /** Memory for bytes under way at either end. */
  readonly budgetBytes: number;
  /** How long flows wait for a carrier (ms). */
  readonly graceMs: number;
}

/**
 * Two sessions with applications at both ends, and between them a network that does its worst: all in memory, on one clock
 * that jumps from alarm to alarm.
 */
export class World {
  readonly clock = new ManualClock();
  readonly flows: Carried[] = [];
  /** What went against the rules of the wire or of the promise. */
  readonly faults: string[] = [];
  readonly #options: WorldOptions;
  #joints: Joint[] = [];
  #near: Life;
  #far: Life;
  /** Far ends of near ends that are no more. */
  #former: Life[] = [];
  /** Flows that nobody had answered when the world looked last. */
  #asking: Carried[] = [];
  #audit: Audit;
  #lives = 0;
  #carriers = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#near = this.#begin("near");
    this.#far = this.#begin("far");
    this.#audit = this.#listen();
  }

  get near(): Life {
    return this.#near;
  }

  get far(): Life {
    return this.#far;
  }

  /** All ends that live, former ones too. */
  get lives(): readonly Life[] {
    return [this.#near, this.#far, ...this.#former];
  }

  /** Whether something is left of a session whose near end has died. */
  get hasFormer(): boolean {
    return this.#former.length > 0;
  }

  get links(): readonly Link[] {
    return this.#joints.map(({ link }) => link);
  }

  /** Opens a flow, if that is possible now. */
  open(answer: Answer): void {
    const number = this.flows.length;
    const app = new Application(2 * number, 2 * number + 1);
    try {
      const target = { address: ADDRESS, port: number };
      const life = this.#near;
      const flow = life.session.open(target, TrafficClass.DEFAULT, app.local);
      const near = { life, app };
      const deaf = this.#joints.some(({ ends }) => ends.near.life === life && ends.far.life.isOver);
      const excuse = deaf ? "it may have been said to a dead end" : undefined;
      this.flows.push({
        number,
        answer,
        flow: flow.id,
        near,
        far: undefined,
        unreadSince: undefined,
        excuse,
      });
    } catch (error) {
      if (!(error instanceof SennitError) || error.causeClass !== "network") throw error;
    }
  }

  /** A new carrier; its near end learns of it one latency after its far end. */
  dial(shape: LinkShape): void {
    const [near, far] = [this.#near, this.#far];
    const number = ++this.#carriers;
    const audit = this.#audit;
    const tap = (side: Side): Tap => audit.tap(side, () => !ends[side].carrier.closed);
    const link = new Link(this.clock, shape, { near: tap("near"), far: tap("far") });
    const ends: Joint["ends"] = {
      near: { life: near, carrier: carrierOn(link.near, number, near) },
      far: { life: far, carrier: carrierOn(link.far, number, far) },
    };
    this.#joints.push({ link, number, ends });
    // Before anything else can arrive there.
    this.clock.after(shape.latencyMs, () => {
      if (link.near.isOver || near.isOver) return;
      ends.near.carrier.start(near.session);
      near.session.addCarrier(ends.near.carrier, far.instance);
    });
    ends.far.carrier.start(far.session);
    far.session.addCarrier(ends.far.carrier, near.instance);
  }

  /** Closes a carrier in good order from one end, at once or when nobody needs it any more. */
  close(index: number, side: Side, how: "close" | "drain"): void {
    const joint = at(this.#joints, index);
    const end = joint?.ends[side];
    if (end === undefined || end.life.isOver || !end.life.session.carriers.has(end.carrier)) return;
    if (how === "close") end.carrier.close();
    else end.life.session.drain(end.carrier);
  }

  /** Says a frame of a flow once more, on whatever link. */
  repeat(side: Side, back: number, index: number): void {
    const frame = this.#audit.recall(side, back);
    const joint = at(this.#joints, index);
    const { life } = joint?.ends[side] ?? {};
    if (frame !== undefined && life === this[side] && this.#adopted(joint)) joint?.link[side].inject(frame);
  }

  /** One end dies, with its applications' connections, and another begins in its place. */
  restart(side: Side, told: boolean): void {
    const dead = this[side];
    dead.isOver = true;
    for (const { link, ends } of this.#joints) if (ends[side].life === dead) link[side].vanish(told);
    for (const flow of this.flows) {
      if (flow.near.life !== this.#near) continue;
      if (flow[side]?.life === dead) flow[side].app?.sever();
      flow.excuse ??= `the ${side} end died`;
    }
    if (side === "near") {
      this.#former.push(this.#far);
      this.#near = this.#begin("near");
    }
    this.#far = this.#begin("far");
    this.#audit = this.#listen();
  }

  /** Lets `ms` of the clock go by. */
  async pass(ms: number, enough: () => boolean = () => false): Promise<void> {
    const end = this.clock.now() + ms;
    while (!enough()) {
      for (let turn = 0; turn < TURNS; turn++) await new Promise(setImmediate);
      this.#look();
      if (this.faults.length > 0) return;
      const next = this.clock.nextAt ?? Infinity;
      this.clock.advance(Math.min(next, end) - this.clock.now());
      if (next > end) return;
    }
  }

  #begin(side: Side): Life {
    const life = new Life(this.clock, ++this.#lives, this.#options.budgetBytes, {
      dialled: side === "near",
      onOpen: (flow) => this.#onOpen(life, flow),
      onRefused: (flow, reason) => this.#onRefused(flow, reason),
    });
    life.session.graceMs = this.#options.graceMs;
    return life;
  }

  #listen(): Audit {
    return new Audit((side, id) => {
      const flow = this.flows.find((one) => one.flow === id && one.near.life === this.#near);
      return flow?.[side]?.app;
    });
  }

  #onOpen(life: Life, flow: Flow): void {
    const carried = this.flows[flow.target.port];
    if (carried === undefined) {
      this.faults.push(`flow ${flow.target.port} comes before it was opened`);
      return;
    }
    // Whom nobody answered may ask again, unless somebody has heard more than the question.
    const { far } = carried;
    if (far !== undefined && (!far.life.isOver || (far.app?.heard ?? 0) > 0)) {
      this.faults.push(`flow ${carried.number} comes twice`);
    }
    if (carried.answer === "refuse") {
      carried.excuse ??= "refused";
      carried.far = { life, app: undefined, flow };
      flow.refuse(Refusal.CONNECTION_REFUSED);
      return;
    }
    const app = new Application(2 * carried.number + 1, 2 * carried.number);
    carried.far = { life, app, flow };
    if (carried.answer === "accept") flow.accept(app.local);
    else life.clock.after(LATE_MS, () => flow.accept(app.local));
  }

  #onRefused(flow: Flow, reason: Refusal): void {
    const carried = this.flows[flow.target.port];
    if (reason === Refusal.BUSY && carried?.far === undefined && carried !== undefined)
      carried.excuse ??= "busy";
  }

  /** What the world sees by itself, after each alarm. */
  #look(): void {
    this.#joints = this.#joints.filter(({ link }) => !link.isOver);
    this.#excuseUnanswered(this.#near);
    for (const flow of this.flows) this.#excuseUnread(flow);
    for (const life of this.lives) {
      if (life.session.carriers.size > 0) life.lonelySince = this.clock.now();
      else if (this.clock.now() - life.lonelySince >= this.#options.graceMs) this.#excuse(life);
    }
    // As the server's door does: who has begun anew wants nothing of the old any more.
    const [former, anew] = [this.#former, this.#far.session.carriers.size > 0];
    this.#former = former.filter(({ session }) => !anew || session.carriers.size > 0);
    for (const life of former) if (!this.#former.includes(life)) life.session.close();
    this.faults.push(...this.#audit.faults);
    for (const side of ["near", "far"] as const) this.#check(side);
  }

  #check(side: Side): void {
    const { session, budget } = this[side];
    for (const { number } of session.carriers) {
      if (this.#audit.lost[side].has(number))
        this.faults.push(`${side} keeps carrier ${number}, which was lost`);
    }
    const bound = session.flows.size * (2 * Math.max(this.#options.budgetBytes, WINDOW_MIN) + READ_AHEAD);
    if (session.heldBytes > bound) {
      this.faults.push(`${side} holds ${session.heldBytes} bytes, with ${budget.window()} for each flow`);
    }
  }

  /** Who asks for a new flow need not wait for a peer that is not there; it may have been let go already. */
  #excuseUnanswered(life: Life): void {
    const { session } = life;
    const isAsking = ({ near, flow }: Carried): boolean =>
      near.life === life && session.flows.get(flow)?.isAsking === true;
    const asking = this.flows.filter(isAsking);
    if (!session.usable) {
      for (const carried of [...asking, ...this.#asking]) carried.excuse ??= "asked while nobody answered";
    }
    this.#asking = asking;
  }

  /** Who does not read may be given up for others, where memory is short. */
  #excuseUnread(flow: Carried): void {
    const ends = [flow.near, flow.far];
    if (ends.every((end) => end?.app?.reading !== false)) {
      flow.unreadSince = undefined;
      return;
    }
    flow.unreadSince ??= this.clock.now();
    const isShort = ends.some((end) => end?.life.budget.exhausted);
    if (isShort && this.clock.now() - flow.unreadSince >= UNREAD_MS) flow.excuse ??= "nobody read it";
  }

  #excuse(life: Life): void {
    for (const flow of this.flows) {
      if (flow.near.life === life || flow.far?.life === life) flow.excuse ??= "no carrier for too long";
    }
  }

  #adopted(joint: Joint | undefined): boolean {
    return joint !== undefined && joint.ends.near.life.session.carriers.has(joint.ends.near.carrier);
  }
}

function carrierOn(channel: LinkEnd, number: number, { clock }: Life): Carrier {
  return new Carrier({
    number,
    transport: "mptcp",
    channel,
    local: PEER,
    remote: PEER,
    info: () => undefined,
    reset: () => channel.reset(),
    clock,
  });
}

/** The one of a list that an adversary points to. */
function at<T>(list: readonly T[], index: number): T | undefined {
  return list[index % list.length];
}
