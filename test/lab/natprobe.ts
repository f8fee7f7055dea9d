import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { connect, type LookupFunction, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Lab } from "../../src/lab/lab.ts";
import type { NatKind } from "../../src/lab/topology/natschema.ts";
import { kernelSockets } from "../../src/linux/kernelsockets.ts";
import { inNetns } from "../../src/linux/netns.ts";
import type { Endpoint } from "../../src/linux/sockets.ts";

/**
 * What kind of NAT stands between two hosts, as a stranger finds it out (RFC 5780): one endpoint inside, two addresses
 * with two ports each outside.
 */
export interface Site {
  readonly lab: Lab;
  readonly inside: string;
  readonly outside: string;
  /** Of the host outside. */
  readonly addresses: readonly [string, string];
  /** Another host behind the same NAT. */
  readonly neighbour: string;
}

type Behavior = NatKind["mapping"];

/** Where nothing must come: many times as long as a packet takes through the labs of these tests. */
const SILENCE_MS = 80;
const LIMIT_MS = 3000;

export interface UdpEnd {
  readonly socket: UdpSocket;
  readonly port: number;
  /** What came, and from where. */
  readonly heard: (Seen & { readonly text: string })[];
}

/** Whom something seems to come from. */
interface Seen {
  readonly from: string;
  readonly port: number;
}

/** A UDP socket on a host: a socket stays in the namespace that it was made in. */
export async function udpEnd(lab: Lab, host: string, address = "0.0.0.0", port = 0): Promise<UdpEnd> {
  // Node makes the socket once it has looked up the name to bind to: here, within this turn.
  const socket = createSocket({ type: "udp4", lookup: (name, _, found) => found(null, name, 4) });
  const listening = once(socket, "listening");
  inNetns(lab.netns(host), () => socket.bind({ port, address, exclusive: true }));
  await listening;
  const heard: UdpEnd["heard"] = [];
  socket.on("message", (data, { address: from, port }) => heard.push({ text: String(data), from, port }));
  return { socket, port: socket.address().port, heard };
}

/** Sends `text` until it is heard there (as ARP may cost the first): whom it seems to come from. Undefined: nothing came. */
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

/** What is the same at another address, and at another port of one address. */
function judge(address: boolean, port: boolean): Behavior {
  if (address) return "endpoint-independent";
  return port ? "address-dependent" : "address-and-port-dependent";
}

/** By UDP. */
export async function udpKind({ lab, inside, outside, addresses, neighbour }: Site): Promise<NatKind> {
  const [here, there] = addresses;
  await using ends = new Ends();
  const end = async (host: string, address?: string): Promise<UdpEnd> =>
    ends.udp(await udpEnd(lab, host, address));
  const [i, ii, iii, beside] = [
    await end(outside, here),
    await end(outside, there),
    await end(outside, there),
    await end(outside, here),
  ] as const;
  const seen = async (client: UdpEnd, to: UdpEnd, address: string, text: string): Promise<Seen> => {
    const found = await send(client, to, [address, to.port], text);
    if (found === undefined) throw new Error(`${text} does not arrive`);
    return found;
  };
  // Mapping, filtering and hairpin each from a port of their own: what comes in may change what goes out.
  const client = await end(inside);
  const first = await seen(client, i, here, "first");
  const second = await seen(client, ii, there, "second");
  const third = await seen(client, iii, there, "third");
  const mapping = judge(first.port === second.port, second.port === third.port);

  const asker = await end(inside);
  const asked = await seen(asker, i, here, "question");
  const answers = async (from: UdpEnd, text: string): Promise<boolean> =>
    (await send(from, asker, [asked.from, asked.port], text, SILENCE_MS)) !== undefined;
  if (!(await answers(i, "answer"))) throw new Error("no answer comes in");
  const [address, port] = [await answers(ii, "other address"), await answers(beside, "other port")];
  const filtering = judge(address, port);

  const near = await end(neighbour);
  const door = await seen(near, i, here, "neighbour");
  const met = await send(client, near, [door.from, door.port], "hairpin", SILENCE_MS);
  const ports = first.port === client.port ? "preserved" : "changed";
  // RFC 4787, REQ-9: the neighbour sees the outside address.
  return { mapping, filtering, ports, hairpin: met?.from === first.from };
}

/** By TCP: the mapping of connections from one inside port, and who may connect to it. */
export async function tcpKind(site: Site): Promise<Omit<NatKind, "hairpin">> {
  const { lab, inside, outside, addresses } = site;
  const [here, there] = addresses;
  await using ends = new Ends();
  const seen = async (host: string, localPort: number): Promise<Seen> => {
    const accepted = Promise.withResolvers<Endpoint>();
    const listener = ends.add(
      await kernelSockets(lab.netns(outside)).listen(ANY, (connection) => {
        connection.stream.on("error", () => undefined);
        ends.add({ close: () => connection.reset() });
        accepted.resolve(connection.remote);
      }),
    );
    const socket = ends.tcp(dial(lab, inside, [host, listener.local.port], { localPort }));
    await once(socket, "connect");
    const { address: from, port } = await accepted.promise;
    return { from, port };
  };
  /** Nobody listens inside: who is let in is refused, who is not hears nothing. */
  const enters = async (localAddress: string, { from, port }: Seen): Promise<boolean> => {
    const socket = ends.tcp(dial(lab, outside, [from, port], { localAddress }));
    const refused = once(socket, "connect").catch((error: NodeJS.ErrnoException) => error.code);
    return (await Promise.race([refused, sleep(SILENCE_MS, "silence")])) === "ECONNREFUSED";
  };
  const own = nextPort++;
  const first = await seen(here, own);
  const [second, third] = [await seen(there, own), await seen(there, own)];
  const mapping = judge(first.port === second.port, second.port === third.port);
  const asked = await seen(here, nextPort++);
  const [address, port] = [await enters(there, asked), await enters(here, asked)];
  const ports = first.port === own ? "preserved" : "changed";
  return { mapping, filtering: judge(address, port), ports };
}

/** Of sockets that share their port: the kernel lets only those that have asked for it by number. */
let nextPort = 40_000;
const ANY = { transport: "tcp", local: { address: "::", port: 0 } } as const;

/** A TCP socket on its way from a host: of an endpoint of that host's, if told. */
function dial(
  lab: Lab,
  host: string,
  [address, port]: readonly [string, number],
  local: { readonly localPort?: number; readonly localAddress?: string },
): Socket {
  // Node makes the socket once it has looked up whom to call: here, within this turn.
  const lookup: LookupFunction = (_, __, found) => found(null, address, 4);
  return inNetns(lab.netns(host), () =>
    connect({ ...local, host: "there", port, lookup, autoSelectFamily: false }),
  );
}

/** Everything opened, closed together. */
class Ends implements AsyncDisposable {
  readonly #closes: (() => void)[] = [];

  udp(end: UdpEnd): UdpEnd {
    this.#closes.push(() => end.socket.close());
    return end;
  }

  tcp(socket: Socket): Socket {
    socket.on("error", () => undefined);
    this.#closes.push(() => socket.destroy());
    return socket;
  }

  add<T extends { close(): unknown }>(end: T): T {
    this.#closes.push(() => end.close());
    return end;
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closes) close();
    return Promise.resolve();
  }
}
