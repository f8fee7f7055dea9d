/** What keeps its keys in the order in which they were put in: a Map or a Set. */
interface Ordered<K> {
  readonly size: number;
  keys(): Iterable<K>;
  delete(key: K): boolean;
}

/** Takes out what was put in first until no more than `most` are left. */
export function dropOldest<K>(all: Ordered<K>, most: number): void {
  if (all.size <= most) return;
  for (const oldest of all.keys()) {
    all.delete(oldest);
    if (all.size <= most) return;
  }
}
