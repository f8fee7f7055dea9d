import { SennitError } from "./errors.ts";

interface Step {
  readonly name: string;
  readonly undo: () => void | Promise<void>;
}

/**
 * A stack of things to undo. What was started last is stopped first; one failure does not keep the rest from being
 * undone, and all failures are reported together.
 */
export class Closer {
  readonly #steps: Step[] = [];
  #closing: Promise<void> | undefined;

  /**
   * Has `undo` called at the end. Whoever is still starting things when the end has come must stop: what is added then
   * is undone at once, and this throws `closed`.
   */
  add(name: string, undo: Step["undo"]): void {
    this.#steps.push({ name, undo });
    if (this.#closing === undefined) return;
    this.#closing = this.#undoAfter(this.#closing);
    // A failure is for whoever asks for the end again.
    this.#closing.catch(() => undefined);
    throw new SennitError("bug", "closed", `${name} was started after the end, and is stopped again`);
  }

  /** Undoes everything, newest first. Calling it again waits for the same end, and for what was added since. */
  close(): Promise<void> {
    this.#closing ??= this.#undo();
    return this.#closing;
  }

  async #undo(): Promise<void> {
    const failures: Error[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.undo();
      } catch (error) {
        failures.push(new Error(`while stopping ${step.name}`, { cause: error }));
      }
    }
    if (failures.length > 0)
      throw new AggregateError(failures, `${failures.length} parts did not stop cleanly`);
  }

  async #undoAfter(end: Promise<void>): Promise<void> {
    try {
      await end;
    } finally {
      await this.#undo();
    }
  }

  /** Runs `start`; when it fails, what was added so far is undone before the error is passed on. */
  async unwindOnFailure<T>(start: () => Promise<T>): Promise<T> {
    try {
      return await start();
    } catch (error) {
      await this.close().catch(() => undefined);
      throw error;
    }
  }
}
