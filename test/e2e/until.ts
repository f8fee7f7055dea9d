import { inspect } from "node:util";

const LOOK_EVERY_MS = 20;

/** Looks again and again until what it sees is `good`; throws with the last it saw when it never is. */
export async function until<T>(
  look: () => T | Promise<T>,
  good: (seen: T) => boolean,
  limitMs = 5000,
): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (good(seen)) return seen;
    if (performance.now() > end) throw new Error(`not so within ${limitMs} ms; last seen: ${inspect(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
