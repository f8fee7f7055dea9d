import { setImmediate } from "node:timers/promises";
import ipaddr from "ipaddr.js";
import { inNetns } from "../../src/linux/netns.ts";
import { PacketMemory } from "../../src/linux/packetmemory.ts";
import { openTunTap, type TunTap } from "../../src/linux/tuntap.ts";

/** What is asked of a port: a TCP connection, or anything by a datagram. */
export type Probe = { readonly protocol: "tcp" | "udp"; readonly port: number };

export const ALL_TCP: readonly Probe[] = Array.from({ length: 65_535 }, (_, index) => ({
  protocol: "tcp",
  port: index + 1,
}));
/** The ports of services that LANs have: names, leases, clocks, discovery, administration, games. */
export const USUAL_UDP: readonly Probe[] = [
  53, 67, 68, 69, 123, 137, 138, 161, 162, 500, 514, 520, 546, 547, 1194, 1900, 3478, 4500, 5060, 5353, 51820,
].map((port) => ({ protocol: "udp", port }));

/** linux/in.h */
const IPPROTO = { tcp: 6, udp: 17 } as const;
const SYN = 0x02;
/** Of every probe: of nobody else's (LOCAL_PORTS, TRANSLATED_PORTS). */
export const SOURCE_PORT = 61_500;
const PACKET_BYTES = 1500;
/** The kernel takes in so many before somebody looks again (net.core.netdev_max_backlog is 1000), and an emulated link keeps two such bursts. */
export const BURST = 100;
/** So long (ms) without anything new, beyond the way there and back, and nothing comes any more. */
const QUIET_MS = 50;

/** How probes get to where they are sent. */
export interface Way {
  /** What an answer takes at least. */
  readonly roundTripMs: number;
  /** Waits until there is room for a burst, where so many probes of a scan were sent before, so that no queue runs over. */
  readonly room: (sent: number) => Promise<void>;
}
const CABLE: Way = { roundTripMs: 0, room: () => Promise.resolve() };

/** Sends probes from any address through a TUN device, and reads what comes back for its own network. */
export class Scanner {
  readonly #tun: TunTap;
  readonly #memory = new PacketMemory(PACKET_BYTES);
  readonly #way: Way;

  /** The device is in the namespace at `netns`, whose routes and addresses are the caller's to make. */
  constructor(netns: string, device: string, way: Way = CABLE) {
    this.#tun = inNetns(netns, () => openTunTap("tun", device));
    this.#way = way;
  }

  /** Probes `to`; the packets that came back. */
  async scan(from: string, to: string, probes: readonly Probe[]): Promise<number> {
    let answers = 0;
    for (const [index, probe] of probes.entries()) {
      if (index % BURST === 0) await this.#way.room(index);
      const packet = probePacket(from, to, probe);
      packet.copy(this.#memory.bytes);
      if (!this.#tun.write(this.#memory, 0, packet.length)) throw new Error("the device took no packet");
      if (index % BURST !== BURST - 1) continue;
      answers += await this.#read();
    }
    for (let heardAt = performance.now(); performance.now() - heardAt < QUIET_MS + this.#way.roundTripMs;) {
      const more = await this.#read();
      if (more > 0) heardAt = performance.now();
      answers += more;
    }
    return answers;
  }

  close(): void {
    this.#tun.close();
  }

  async #read(): Promise<number> {
    await setImmediate();
    let count = 0;
    while (this.#tun.read(this.#memory, 0, PACKET_BYTES) > 0)
      // What the kernel asks of its neighbours by itself is no answer.
      if (isTransport(this.#memory.bytes)) count++;
    return count;
  }
}

/** TCP, UDP or an ICMP error. */
function isTransport(packet: Buffer): boolean {
  const version = packet.readUInt8(0) >> 4;
  if (version === 4) return true;
  const [protocol, type] = [packet.readUInt8(6), packet.readUInt8(40)];
  return protocol === IPPROTO.tcp || protocol === IPPROTO.udp || (protocol === 58 && type < 128);
}

function probePacket(from: string, to: string, { protocol, port }: Probe): Buffer {
  const [source, target] = [from, to].map((text) => Buffer.from(ipaddr.parse(text).toByteArray()));
  if (source === undefined || target === undefined) throw new Error("two addresses");
  const segment = protocol === "tcp" ? syn(port) : datagram(port);
  const pseudo = Buffer.alloc(4);
  pseudo.writeUInt8(IPPROTO[protocol], 1);
  pseudo.writeUInt16BE(segment.length, 2);
  const sum = checksum(Buffer.concat([source, target, pseudo, segment]));
  segment.writeUInt16BE(sum, protocol === "tcp" ? 16 : 6);
  return Buffer.concat([header(source, target, IPPROTO[protocol], segment.length), segment]);
}

/** RFC 9293, 3.1: no options, a window of 64240. */
function syn(port: number): Buffer {
  const segment = Buffer.alloc(20);
  segment.writeUInt16BE(SOURCE_PORT, 0);
  segment.writeUInt16BE(port, 2);
  segment.writeUInt8(5 << 4, 12);
  segment.writeUInt8(SYN, 13);
  segment.writeUInt16BE(64_240, 14);
  return segment;
}

function datagram(port: number): Buffer {
  const segment = Buffer.alloc(12);
  segment.writeUInt16BE(SOURCE_PORT, 0);
  segment.writeUInt16BE(port, 2);
  segment.writeUInt16BE(segment.length, 4);
  return segment;
}

function header(source: Buffer, target: Buffer, protocol: number, payload: number): Buffer {
  const hops = 64;
  if (source.length === 4) {
    const head = Buffer.alloc(12);
    head.writeUInt8(0x45, 0);
    head.writeUInt16BE(20 + payload, 2);
    head.writeUInt8(hops, 8);
    head.writeUInt8(protocol, 9);
    const whole = Buffer.concat([head, source, target]);
    whole.writeUInt16BE(checksum(whole), 10);
    return whole;
  }
  const head = Buffer.alloc(8);
  head.writeUInt8(0x60, 0);
  head.writeUInt16BE(payload, 4);
  head.writeUInt8(protocol, 6);
  head.writeUInt8(hops, 7);
  return Buffer.concat([head, source, target]);
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
