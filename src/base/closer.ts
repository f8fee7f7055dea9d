/**
 * A stack of things to undo. What was started last is stopped first; one failure does not keep the rest from being
 * undone, and all failures are reported together.
 */
export class Closer {
  readonly #steps: { readonly name: string; readonly undo: () => void | Promise<void> }[] = [];

  add(name: string, undo: () => void | Promise<void>): void {
    this.#steps.push({ name, undo });
  }

  /** Undoes everything, newest first. Calling it again is harmless. */
  async close(): Promise<void> {
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
