/** Remembers since when things are in the state they are in. */
export class Ages {
  readonly #states = new Map<string, { name: string; since: number }>();

  /** Notes that `key` is in state `name` now, and tells for how long (ms). */
  of<Name extends string>(
    key: string,
    name: Name,
    now: number,
  ): { readonly name: Name; readonly ageMs: number } {
    let state = this.#states.get(key);
    if (state?.name !== name) {
      state = { name, since: now };
      this.#states.set(key, state);
    }
    return { name, ageMs: now - state.since };
  }

  /** Forgets everything but these: what comes back later is new. */
  retain(keys: Iterable<string>): void {
    const kept = new Set(keys);
    for (const key of this.#states.keys()) if (!kept.has(key)) this.#states.delete(key);
  }
}
