import { Worker } from "node:worker_threads";
import { messageOf, SennitError } from "../../base/errors.ts";
import { Board, type DirectionCounters } from "./board.ts";
import type { DirectionState } from "./settings.ts";
import type { LoopPlan, StateChange } from "./worker.ts";

export interface EmulatorOptions {
  /** The same seed gives the same losses and jitter. */
  readonly seed: string;
  /** Called when the loop has died, and all links with it. */
  readonly onFailure: (error: unknown) => void;
}

/** The loop looks up every 20 ms, but an emulated processor takes seconds to start it; this long means it is stuck or dead. */
const COMMIT_TIMEOUT_MS = 30_000;

/** Carries the frames of a lab's emulated links in a thread of its own. */
export class Emulator {
  readonly #board: Board;
  readonly #worker: Worker;
  /** Rejects when the loop dies before its time. */
  readonly #ended: Promise<void>;
  #stopping = false;

  /**
   * Creates both devices of every link, and carries frames from then on. Throws what creating a device throws: EBUSY
   * where the name is taken, ENOENT where the namespace is not there.
   */
  static async start(links: LoopPlan["links"], options: EmulatorOptions): Promise<Emulator> {
    const board = Board.forDirections(links.length * 2);
    const plan: LoopPlan = {
      links,
      board: board.buffer,
      seed: options.seed,
    };
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { workerData: plan });
    const emulator = new Emulator(board, worker);
    await Promise.race([emulator.#commit(), emulator.#ended]);
    emulator.#ended.catch(options.onFailure);
    return emulator;
  }

  private constructor(board: Board, worker: Worker) {
    this.#board = board;
    this.#worker = worker;
    this.#ended = new Promise((resolve, reject) => {
      const died = (cause?: unknown): void => {
        if (this.#stopping) resolve();
        else
          reject(new SennitError("kernel", "links-died", `the links died: ${messageOf(cause)}`, { cause }));
      };
      worker.once("error", died).once("exit", died);
    });
  }

  /** Sets link number `index` anew; settles when the links behave so. */
  async set(index: number, up: DirectionState, down: DirectionState): Promise<void> {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker.postMessage({ link: index, up, down } satisfies StateChange);
    await this.#commit();
  }

  /** Cheap enough to be called many times a second. */
  counters(index: number): { readonly up: DirectionCounters; readonly down: DirectionCounters } {
    return { up: this.#board.counters(index * 2), down: this.#board.counters(index * 2 + 1) };
  }

  /** The devices vanish. Fine when the loop has died already: `onFailure` was told. */
  stop(): Promise<void> {
    this.#stopping = true;
    this.#board.stop();
    return this.#ended.catch(() => undefined);
  }

  async #commit(): Promise<void> {
    if (await this.#board.commit(COMMIT_TIMEOUT_MS)) return;
    throw new SennitError("bug", "link-loop-stuck", `the links did not change in ${COMMIT_TIMEOUT_MS} ms`);
  }
}
