/** What the carriers of a session find out about the ways, for each other. By local address, in ms of one clock. */
export class WayNews {
  readonly #joinedAt = new Map<string, number>();
  readonly #deafSince = new Map<string, number>();

  /** A subflow has joined there: whoever waits for the next try need wait no longer. */
  joined(address: string, now: number): void {
    this.#joinedAt.set(address, now);
  }

  joinedSince(address: string, time: number): boolean {
    return (this.#joinedAt.get(address) ?? -Infinity) > time;
  }

  /** One there is deaf that was heard last at `since`. */
  deaf(address: string, since: number): void {
    this.#deafSince.set(address, since);
  }

  /** Whether one that was heard last at `time` is deaf as well: a NAT that forgot one has forgotten all it had by then. */
  forgotten(address: string, time: number): boolean {
    return time <= (this.#deafSince.get(address) ?? -Infinity);
  }

  /** Addresses come and go with every lease. */
  retain(addresses: readonly string[]): void {
    for (const news of [this.#joinedAt, this.#deafSince]) {
      for (const address of news.keys()) if (!addresses.includes(address)) news.delete(address);
    }
  }
}
