/** An OPEN may stay unanswered this long (ms) before the server is asked for a sign of life: its target may be slow. */
const ASK_AFTER_MS = 500;
/** Nothing heard this long after asking (ms): longer than any round trip, with the queue of a busy line on top. */
const GIVE_UP_AFTER_MS = 1500;
/** While nothing is heard, asked again this often (ms). */
const ASK_AGAIN_MS = 1000;

/** How often `tick` is to be called (ms). */
export const LIVENESS_TICK_MS = 250;

/**
 * Whether the other end still answers, judged only when somebody waits for it: a dead server costs the first user three
 * seconds and nobody a packet while all is quiet. Whatever is heard, on any carrier, is an answer: busy is not dead.
 */
export class Liveness {
  /** False from giving up until something is heard. */
  responsive = true;
  #waitingSince: number | undefined;
  /** When it was asked first since then, and when last. */
  #askedAt: number | undefined;
  #askedLastAt = 0;

  /** A flow is being opened; somebody waits from now on, if the other end was heard since others began to. */
  opened(now: number, heardAt: number): void {
    if (this.#waitingSince === undefined || heardAt > this.#waitingSince) this.#wait(now);
  }

  /** Looks at when the other end was last heard. True: ask it now, on every carrier. */
  tick(now: number, heardAt: number): boolean {
    if (this.#waitingSince === undefined) return false;
    if (heardAt > this.#waitingSince) {
      this.#wait(undefined);
      return false;
    }
    const asked = this.#askedAt;
    if (asked !== undefined && now - asked >= GIVE_UP_AFTER_MS) this.responsive = false;
    const first = asked === undefined && now - this.#waitingSince >= ASK_AFTER_MS;
    const again = !this.responsive && now - this.#askedLastAt >= ASK_AGAIN_MS;
    if (!first && !again) return false;
    this.#askedAt ??= now;
    this.#askedLastAt = now;
    return true;
  }

  /** Others wait for it in vain. True: ask it now, on every carrier; so that both find out together. */
  doubt(now: number): boolean {
    if (this.#waitingSince !== undefined) return false;
    this.#wait(now);
    this.#askedAt = this.#askedLastAt = now;
    return true;
  }

  #wait(since: number | undefined): void {
    this.#waitingSince = since;
    this.#askedAt = undefined;
    this.responsive = true;
  }
}
