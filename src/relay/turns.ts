/**
 * What is done now of all that waits, where no more than `most` can be: one of each queue, in turn, then a second one of
 * each, so that a long queue takes from the others nothing but what they do not need. `first`: the queue that begins.
 */
export function inTurns<T>(queues: readonly (readonly T[])[], first: number, most: number): readonly T[] {
  const order = queues.map((_, index) => queues[(first + index) % queues.length] ?? []);
  const longest = Math.max(0, ...queues.map(({ length }) => length));
  const chosen: T[] = [];
  for (let round = 0; round < longest && chosen.length < most; round++) {
    const each = order.flatMap((queue) => queue.slice(round, round + 1));
    chosen.push(...each.slice(0, most - chosen.length));
  }
  return chosen;
}
