import { isIPv6 } from "node:net";
import type { Clock } from "../base/clock.ts";
import { SennitError } from "../base/errors.ts";
import type { RouterConfig } from "../config/router.ts";
import type { AskTarget, Question } from "../control/externalcheck.ts";
import type { Rates } from "../control/rates.ts";
import type { Neighbour, Neighbours } from "../linux/neighbours.ts";
import type { Observations, RouterIntent } from "../netplan/model.ts";
import { usablePaths, type WanPath } from "../netplan/paths.ts";
import { Checking, CHECK_TIMEOUT_MS } from "../wan/checking.ts";
import { GatewayWatch } from "../wan/gatewaywatch.ts";
import type { WanSight } from "../wan/wansight.ts";

/** What is known of a WAN beside what the session tells. */
export type Evidence = Pick<WanSight, "gatewayAnswers" | "check">;

export interface EvidenceDeps {
  readonly config: RouterConfig;
  readonly neighbours: Neighbours;
  readonly ask: AskTarget;
  readonly clock: Clock;
  /** Whether nothing else says that the WAN is alive. */
  readonly doubted: (wan: string) => boolean;
  /** Something else is known than before. */
  readonly onChange: () => void;
}

/** What the kernel holds, and what is wanted of it. */
export interface EvidenceBasis {
  readonly intent: RouterIntent;
  readonly observed: Observations;
  readonly rates: Rates;
}

/** Time between looks (ms): a table of the kernel's is asked for one entry for each gateway. */
const LOOK_MS = 1000;
/** Less (bit/s) is nobody who waits. */
const IDLE_RATE = 8000;

/** One WAN's line, as long as it is the same. */
interface Line {
  readonly key: string;
  readonly gateways: GatewayWatch;
  readonly checking: Checking | undefined;
}

/** Gathers evidence of every WAN: whether its gateways are there, and whether the targets of its check answer. */
export class EvidenceGatherer {
  readonly #deps: EvidenceDeps;
  readonly #lines = new Map<string, Line>();
  #basis: EvidenceBasis | undefined;
  #cancel: (() => void) | undefined;

  constructor(deps: EvidenceDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#cancel = this.#deps.clock.every(LOOK_MS, () => this.#look());
  }

  /** Answers that come later are nobody's any more. */
  stop(): void {
    this.#cancel?.();
    this.#lines.clear();
  }

  /** What there is now. */
  update(basis: EvidenceBasis): void {
    this.#basis = basis;
  }

  of(wan: string): Evidence {
    const line = this.#lines.get(wan);
    return { gatewayAnswers: line?.gateways.answers, check: line?.checking?.sight };
  }

  #look(): void {
    if (this.#basis === undefined) return;
    const { intent, observed } = this.#basis;
    const { paths } = usablePaths(intent, observed);
    const before = this.#known();
    for (const { name } of intent.wans) {
      const mine = paths.filter(({ wan }) => wan.name === name);
      if (mine.length === 0) this.#lines.delete(name);
      else this.#lookAt(name, mine, observed);
    }
    for (const name of this.#lines.keys())
      if (!intent.wans.some((wan) => wan.name === name)) this.#lines.delete(name);
    if (this.#known() !== before) this.#deps.onChange();
  }

  #lookAt(name: string, paths: readonly WanPath[], observed: Observations): void {
    const { clock, neighbours, doubted } = this.#deps;
    const line = this.#lineOf(name, paths);
    const isDoubted = doubted(name);
    const gateways = gatewaysOf(paths, observed);
    const states = gateways.map((one) => unlessRefused(() => neighbours.state(one)) ?? "unknown");
    if (line.gateways.look(clock.now(), isDoubted, states))
      for (const one of gateways) unlessRefused(() => neighbours.ask(one));
    this.#check(line, paths, isDoubted);
  }

  #lineOf(name: string, paths: readonly WanPath[]): Line {
    const key = paths.map(({ wan, address, gateway }) => [wan.device, address.address, gateway]).join(" ");
    const known = this.#lines.get(name);
    if (known?.key === key) return known;
    const { kind, targets = [] } = this.#deps.config.wans[name]?.check ?? { kind: "icmp" as const };
    const reachable = targets.filter((target) => pathTo(target, paths) !== undefined);
    const checking = reachable.length === 0 ? undefined : new Checking(kind, reachable);
    const line: Line = { key, gateways: new GatewayWatch(), checking };
    this.#lines.set(name, line);
    return line;
  }

  #check({ checking }: Line, paths: readonly WanPath[], doubted: boolean): void {
    const [first] = paths;
    const config = first && this.#deps.config.wans[first.wan.name];
    if (checking === undefined || config?.check === undefined || first === undefined) return;
    const rate = this.#basis?.rates.of(first.wan.device);
    const idle = rate === undefined || Math.max(rate.in, rate.out) < IDLE_RATE;
    const target = checking.due(this.#deps.clock.now(), { doubted, idle, metered: config.metered });
    const path = target === undefined ? undefined : pathTo(target, paths);
    if (target === undefined || path === undefined) return;
    void this.#ask(checking, {
      kind: config.check.kind,
      target,
      localAddress: path.address.address,
      device: path.wan.device,
      timeoutMs: CHECK_TIMEOUT_MS,
    });
  }

  async #ask(checking: Checking, question: Question): Promise<void> {
    const answered = await this.#deps.ask(question);
    const before = this.#known();
    checking.settle(answered);
    if (this.#known() !== before) this.#deps.onChange();
  }

  /** All that others would want to know, as text. */
  #known(): string {
    return [...this.#lines]
      .map(([name, { gateways, checking }]) => [name, gateways.answers, checking?.sight.answered])
      .filter(([, gateway, check]) => gateway !== undefined || check !== undefined)
      .join(" ");
  }
}

/** A kernel that refuses (a full table of neighbours: ENOBUFS) tells nothing of the gateway, which is no reason to end. */
function unlessRefused<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof SennitError) return undefined;
    throw error;
  }
}

/** The WAN's path by which a target can be asked: one of its family. */
const pathTo = (target: string, paths: readonly WanPath[]): WanPath | undefined =>
  paths.find(({ family }) => (family === "inet6") === (target.startsWith("[") || isIPv6(target)));

function gatewaysOf(paths: readonly WanPath[], { links }: Observations): readonly Neighbour[] {
  return paths.flatMap(({ wan, gateway }) => {
    const index = links.find(({ name }) => name === wan.device)?.index;
    return gateway === undefined || index === undefined ? [] : [{ index, address: gateway }];
  });
}
