import { parseChance } from "../../base/units.ts";
import { within } from "../topology/fields.ts";
import type { Random } from "./random.ts";

/**
 * Losses that come in bursts: Gilbert's and Elliott's model. A link is good or bad; each packet is lost with the
 * chance of the state it finds, and then the state may change. All four per mille.
 */
export interface BurstLoss {
  /** From good to bad (p). */
  readonly enter: number;
  /** From bad to good (r): bad lasts 1000 / leave packets in the mean. */
  readonly leave: number;
  /** Lost while bad (1 - h). */
  readonly bad: number;
  /** Lost while good (1 - k). */
  readonly good: number;
}

export const BURST_LOSS_ALLOWED =
  'a mean loss and the mean length of its bursts in packets such as "2 % in bursts of 8" (at most 8/9 then), or the parameters P R [1-H [1-K]] of the Gilbert-Elliott model such as "gemodel 1 % 20 % 90 % 0.1 %"';

/** Undefined where `text` is none of the two. */
export function parseBurstLoss(text: string): BurstLoss | undefined {
  const [first = "", ...rest] = text.trim().split(/\s+/);
  if (first === "gemodel") return fromParameters(rest.join(" "));
  const [, loss = "", length = ""] = /^(.+) in bursts of (\d{1,6}(?:\.\d+)?)$/.exec(text.trim()) ?? [];
  const mean = within(parseChance(loss), 0, 999);
  return mean === undefined ? undefined : fromMeans(mean, Number(length));
}

function fromParameters(text: string): BurstLoss | undefined {
  const chances = (text.match(/[\d.]+ ?[^\d.\s]+/g) ?? []).map((chance) =>
    within(parseChance(chance), 0, 1000),
  );
  // Nothing but chances.
  if (text.replaceAll(/[\d.]+ ?[^\d.\s]+/g, "").trim() !== "" || chances.length > 4) return undefined;
  const [enter, leave, bad = 1000, good = 0] = chances;
  if (chances.includes(undefined) || enter === undefined || leave === undefined) return undefined;
  return enter + leave === 0 ? undefined : { enter, leave, bad, good };
}

/** Everything is lost in a burst, nothing between: the share of time that is bad is the loss, 1 / leave its length. */
function fromMeans(loss: number, length: number): BurstLoss | undefined {
  if (length < 1) return undefined;
  const leave = 1000 / length;
  const enter = (leave * loss) / (1000 - loss);
  return enter > 1000 ? undefined : { enter, leave, bad: 1000, good: 0 };
}

/** The loss that the parameters make in the long run, per mille. */
export function meanLoss({ enter, leave, bad, good }: BurstLoss): number {
  return (enter * bad + leave * good) / (enter + leave);
}

/** The state of one direction of a link. */
export class BurstLossProcess {
  readonly #random: Random;
  #bad = false;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Whether the next packet is lost. */
  loses({ enter, leave, bad, good }: BurstLoss): boolean {
    const lost = this.#chance(this.#bad ? bad : good);
    if (this.#chance(this.#bad ? leave : enter)) this.#bad = !this.#bad;
    return lost;
  }

  #chance(perMille: number): boolean {
    return this.#random() * 1000 < perMille;
  }
}
