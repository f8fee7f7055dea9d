import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { connect, type LookupFunction, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Lab } from "../../src/lab/lab.ts";
import { inNetns } from "../../src/linux/netns.ts";

/** Sockets on hosts of a lab, as a stranger would use them. A socket stays in the namespace that it was made in. */

/** Whom something seems to come from. */
export interface Seen {
  readonly from: string;
  readonly port: number;
}

export interface UdpEnd {
  readonly socket: UdpSocket;
  readonly port: number;
  /** What came, from where, and when (ms). */
  readonly heard: (Seen & { readonly text: string; readonly at: number })[];
}

export async function udpEnd(lab: Lab, host: string, address = "0.0.0.0", port = 0): Promise<UdpEnd> {
  // Node makes the socket once it has looked up the name to bind to: here, within this turn.
  const socket = createSocket({ type: "udp4", lookup: (name, _, found) => found(null, name, 4) });
  const listening = once(socket, "listening");
  inNetns(lab.netns(host), () => socket.bind({ port, address, exclusive: true }));
  await listening;
  const heard: UdpEnd["heard"] = [];
  socket.on("message", (data, { address: from, port }) => {
    const text = String(data.subarray(0, TEXT_BYTES)).trimEnd();
    heard.push({ text, from, port, at: performance.now() });
  });
  return { socket, port: socket.address().port, heard };
}

/** The words of a message; what follows is there to be long. */
const TEXT_BYTES = 24;
const LIMIT_MS = 3000;

/** Sends `text` until it is heard there (as ARP may cost the first). Undefined: it never was. */
export async function send(
  from: UdpEnd,
  to: UdpEnd,
  [address, port]: readonly [string, number],
  text: string,
  limitMs = LIMIT_MS,
): Promise<Seen | undefined> {
  const end = performance.now() + limitMs;
  let next = 0;
  while (performance.now() < end) {
    if (performance.now() >= next) {
      from.socket.send(text, port, address);
      next = performance.now() + limitMs / 4;
    }
    const found = to.heard.find((message) => message.text === text);
    if (found !== undefined) return found;
    await sleep(1);
  }
  return undefined;
}

interface Volley {
  readonly count: number;
  /** Bytes of each message. */
  readonly size?: number;
  /** Messages at a time, and milliseconds between two times: a socket takes no more than some hundred at once. */
  readonly group?: number;
  readonly pauseMs?: number;
}

/** What became of each message of many, in the order they were sent. */
export interface Passage {
  /** When it came (ms); undefined: never. */
  readonly at: number | undefined;
}

/** Longer than anything is held up in these tests. */
const LAST_MS = 300;

/** Sends many messages and waits until no more come. */
export async function volley(
  from: UdpEnd,
  to: UdpEnd,
  [address, port]: readonly [string, number],
  { count, size = TEXT_BYTES, group = 50, pauseMs = 2 }: Volley,
): Promise<Passage[]> {
  to.heard.length = 0;
  for (let first = 0; first < count; first += group) {
    for (let index = first; index < Math.min(first + group, count); index++)
      from.socket.send(String(index).padEnd(size), port, address);
    await sleep(pauseMs);
  }
  let known = -1;
  let since = performance.now();
  while (to.heard.length < count && performance.now() - since < LAST_MS) {
    if (to.heard.length > known) [known, since] = [to.heard.length, performance.now()];
    await sleep(5);
  }
  const times = new Map(to.heard.map(({ text, at }) => [Number(text), at]));
  return Array.from({ length: count }, (_, index) => ({ at: times.get(index) }));
}

/** A TCP socket on its way from a host: of an endpoint of that host's, if told. */
export function dial(
  lab: Lab,
  host: string,
  [address, port]: readonly [string, number],
  local: { readonly localPort?: number; readonly localAddress?: string } = {},
): Socket {
  // Node makes the socket once it has looked up whom to call: here, within this turn.
  const lookup: LookupFunction = (_, __, found) => found(null, address, 4);
  return inNetns(lab.netns(host), () =>
    connect({ ...local, host: "there", port, lookup, autoSelectFamily: false }),
  );
}

/** Everything opened, closed together. */
export class Ends implements AsyncDisposable {
  readonly #closes: (() => unknown)[] = [];

  add<T extends { close(): unknown }>(end: T): T {
    this.#closes.push(() => end.close());
    return end;
  }

  async udp(lab: Lab, host: string, address?: string, port?: number): Promise<UdpEnd> {
    const end = await udpEnd(lab, host, address, port);
    this.add(end.socket);
    return end;
  }

  tcp(socket: Socket): Socket {
    socket.on("error", () => undefined);
    this.#closes.push(() => socket.destroy());
    return socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closes) await close();
  }
}
