import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Lab } from "../../src/lab/lab.ts";
import type { NatKind } from "../../src/lab/topology/natschema.ts";
import { kernelSockets } from "../../src/linux/kernelsockets.ts";
import type { Endpoint } from "../../src/linux/sockets.ts";
import { dial, Ends, send, type Seen, type UdpEnd } from "./endpoints.ts";

/**
 * What kind of NAT stands between two hosts, as a stranger finds it out (RFC 5780): one endpoint inside, two addresses
 * with two ports each outside.
 */
export interface Site {
  readonly lab: Lab;
  readonly inside: string;
  /** Another host behind the same NAT. */
  readonly neighbour: string;
  readonly outside: string;
  /** Of the host outside. */
  readonly addresses: readonly [string, string];
}

/** What was sent before something else that has come would have come by then: packets do not overtake here, or hardly. */
const OVERTAKEN_MS = 20;
/** Where only silence tells: a packet through these labs takes a thousandth of it. */
const SILENCE_MS = 150;

/** What is the same at another address, and at another port of one address. */
function judge(address: boolean, port: boolean): NatKind["mapping"] {
  if (address) return "endpoint-independent";
  return port ? "address-dependent" : "address-and-port-dependent";
}

/** By UDP. */
export async function udpKind({ lab, inside, outside, addresses, neighbour }: Site): Promise<NatKind> {
  const [here, there] = addresses;
  await using ends = new Ends();
  const [i, beside, ii, iii] = [
    await ends.udp(lab, outside, here),
    await ends.udp(lab, outside, here),
    await ends.udp(lab, outside, there),
    await ends.udp(lab, outside, there),
  ] as const;
  const seen = async (from: UdpEnd, to: UdpEnd, address: string, port: number): Promise<Seen> => {
    const text = `message ${++messages}`;
    const found = await send(from, to, [address, port], text);
    if (found === undefined) throw new Error(`nothing arrives at ${address}:${port}`);
    return found;
  };
  // Mapping, filtering and hairpin each from a port of their own: what comes in may change what goes out.
  const client = await ends.udp(lab, inside);
  const first = await seen(client, i, here, i.port);
  const second = await seen(client, ii, there, ii.port);
  const third = await seen(client, iii, there, iii.port);
  const mapping = judge(first.port === second.port, second.port === third.port);

  const asker = await ends.udp(lab, inside);
  const door = await seen(asker, i, here, i.port);
  ii.socket.send("other address", door.port, door.from);
  beside.socket.send("other port", door.port, door.from);
  // Who was asked may always answer.
  await seen(i, asker, door.from, door.port);
  await sleep(OVERTAKEN_MS);
  const came = (end: UdpEnd, text: string): Seen | undefined => end.heard.find((one) => one.text === text);
  const filtering = judge(
    came(asker, "other address") !== undefined,
    came(asker, "other port") !== undefined,
  );

  const near = await ends.udp(lab, neighbour);
  const next = await seen(near, i, here, i.port);
  client.socket.send("hairpin", next.port, next.from);
  await seen(i, near, next.from, next.port);
  await sleep(OVERTAKEN_MS);
  const ports = first.port === client.port ? "preserved" : "changed";
  // RFC 4787, REQ-9: the neighbour sees the outside address.
  return { mapping, filtering, ports, hairpin: came(near, "hairpin")?.from === first.from };
}

let messages = 0;

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
  const [address, port] = await Promise.all([enters(there, asked), enters(here, asked)]);
  const ports = first.port === own ? "preserved" : "changed";
  return { mapping, filtering: judge(address, port), ports };
}

/** Of sockets that share their port: the kernel lets only those that have asked for it by number. */
let nextPort = 40_000;
const ANY = { transport: "tcp", local: { address: "::", port: 0 } } as const;
