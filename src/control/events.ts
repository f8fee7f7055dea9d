/** How much an event matters: told, worth a look, or traffic suffers. */
export type Severity = "info" | "warning" | "critical";

/** Something that happened on the router, as history, notifications and `sennit events` tell it. */
export interface RouterEvent {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Stable, for programs: `wan-down`, `data-process-ended`. */
  readonly code: string;
  readonly severity: Severity;
  /** The WAN it is about, or null where it is about the whole router. */
  readonly wan: string | null;
  /** One sentence for people. */
  readonly text: string;
  /** The figures behind the sentence. */
  readonly fields: Readonly<Record<string, string | number | boolean | null>>;
}

/** What is told of each event, in the order they happened. */
export type EventListener = (event: RouterEvent) => void;

/** Events kept for those who ask later: a day of an unquiet line at one a minute, well below 1 MB. */
export const KEPT_EVENTS = 1440;

/** The last events of the router, and those who want to know of the next. */
export class Events {
  readonly #kept: RouterEvent[] = [];
  /** Replaced and never changed, so that who comes while an event is told hears of the next one first. */
  #listeners: readonly EventListener[] = [];
  readonly #limit: number;
  readonly #listenerFailed: (error: unknown) => void;

  /**
   * @param listenerFailed told of what a listener throws; others still hear of the event
   * @param limit events kept; the oldest goes first
   */
  constructor(listenerFailed: (error: unknown) => void, limit: number = KEPT_EVENTS) {
    this.#listenerFailed = listenerFailed;
    this.#limit = limit;
  }

  /** Keeps `event` and tells all who listen; never throws, whatever they do. */
  emit(event: RouterEvent): void {
    this.#kept.push(event);
    if (this.#kept.length > this.#limit) this.#kept.shift();
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#listenerFailed(error);
      }
    }
  }

  /** Tells `listener` of every event from now on, until the function that is returned is called. */
  subscribe(listener: EventListener): () => void {
    const own: EventListener = (event) => listener(event);
    this.#listeners = [...this.#listeners, own];
    return () => void (this.#listeners = this.#listeners.filter((other) => other !== own));
  }

  /** The kept events, oldest first. */
  recent(): readonly RouterEvent[] {
    return [...this.#kept];
  }
}
