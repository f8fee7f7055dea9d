import { FrameType, HEADER_BYTES, INITIAL_WINDOW } from "../../src/wire/constants.ts";
import type { FrameSink } from "../../src/wire/decoder.ts";
import { encodeFrame, writeHeader, type Frame } from "../../src/wire/frames.ts";
import type { Tap } from "./link.ts";

export type Side = "near" | "far";
export const other = (side: Side): Side => (side === "near" ? "far" : "near");

/** What the audit must know of the application at one end of a flow; undefined while it has none. */
export type Taken = (
  side: Side,
  flow: number,
) => { readonly heard: number; readonly heardEnd: boolean } | undefined;

/** Frames of flows that are kept to be said again later, at most. */
const TAPE_FRAMES = 64;

/**
 * Listens in on all links of two sessions: no end says more than it was allowed, or acknowledges what its application
 * has not taken. Keeps the latest frames for an adversary who says them again.
 */
export class Audit {
  /** Rules that were broken. */
  readonly faults: string[] = [];
  /** Carriers of which an end has heard that the other gave them up. */
  readonly lost: { readonly [S in Side]: Set<number> } = { near: new Set(), far: new Set() };
  readonly #taken: Taken;
  /** Up to where an end may speak, by side and flow, as far as it has heard. */
  readonly #limits = new Map<string, number>();
  readonly #tape: {
    readonly side: Side;
    readonly flow: number;
    readonly opens: boolean;
    readonly bytes: Buffer;
  }[] = [];
  /** Flows of which an end has heard that the other knows them. */
  readonly #known = new Set<string>();

  constructor(taken: Taken) {
    this.#taken = taken;
  }

  /** What `side` says and hears on one link; `listens` tells whether it still takes in what it hears there. */
  tap(side: Side, listens: () => boolean): Tap {
    return { said: this.#said(side), heard: this.#heard(side, listens) };
  }

  /** A frame that `side` said before and that may be said again anywhere: the latest, or one `back` earlier. */
  recall(side: Side, back: number): Buffer | undefined {
    const frames = this.#tape.filter(
      (one) => one.side === side && (one.opens || this.#known.has(`${side} ${one.flow}`)),
    );
    return frames.at(-1 - (back % Math.max(1, frames.length)))?.bytes;
  }

  #said(side: Side): FrameSink {
    return {
      data: (flow, offset, bytes) => {
        const end = offset + bytes.length;
        const limit = Math.max(INITIAL_WINDOW, this.#limits.get(`${side} ${flow}`) ?? 0);
        if (end > limit) this.faults.push(`${side} says flow ${flow} up to ${end}, allowed are ${limit}`);
        const frame = Buffer.alloc(HEADER_BYTES + bytes.length);
        writeHeader(frame, 0, FrameType.DATA, 0, bytes.length, flow, offset);
        bytes.copy(frame, HEADER_BYTES);
        this.#tell(side, flow, false, frame);
      },
      frame: (frame) => {
        if (!("flow" in frame)) return;
        if (frame.kind === "ack") this.#checkAck(side, frame);
        this.#tell(side, frame.flow, frame.kind === "open", encodeFrame(frame));
      },
    };
  }

  #checkAck(side: Side, { flow, offset, fin }: Frame & { readonly kind: "ack" }): void {
    const taken = this.#taken(side, flow);
    if (taken === undefined) return;
    if (offset > taken.heard || (fin && !taken.heardEnd)) {
      const what = `${offset}${fin ? " and FIN" : ""}`;
      this.faults.push(`${side} acknowledges ${what} of flow ${flow}, taken are ${taken.heard}`);
    }
  }

  #heard(side: Side, listens: () => boolean): FrameSink {
    return {
      data: (flow) => this.#known.add(`${side} ${flow}`),
      frame: (frame) => {
        if (!listens()) return;
        if (frame.kind === "lost") this.lost[side].add(frame.carrier);
        if ("flow" in frame) this.#known.add(`${side} ${frame.flow}`);
        if (frame.kind !== "ack" && frame.kind !== "open" && frame.kind !== "opened") return;
        const key = `${side} ${frame.flow}`;
        const limit = (frame.kind === "ack" ? frame.offset : 0) + frame.window;
        this.#limits.set(key, Math.max(limit, this.#limits.get(key) ?? 0));
      },
    };
  }

  #tell(side: Side, flow: number, opens: boolean, bytes: Buffer): void {
    this.#tape.push({ side, flow, opens, bytes });
    if (this.#tape.length > TAPE_FRAMES) this.#tape.shift();
  }
}
