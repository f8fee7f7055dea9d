/** Turns of the event loop that anything in memory may take: far more than any of it needs. */
const MAX_TURNS = 20_000;

/** Waits, turn by turn, for something that happens in memory; fails when it does not. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    if (await condition()) return;
    await new Promise(setImmediate);
  }
  throw new Error(`never happened: ${what}`);
}

/** Lets everything that is under way in memory come to rest. */
export async function settle(turns = 50): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
}
