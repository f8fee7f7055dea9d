import { SennitError } from "../base/errors.ts";

/** struct tcp_info (linux/tcp.h), which grows from release to release: what came after 4.19 is not read. */
export interface TcpInfo {
  readonly state: TcpState;
  readonly lossState: LossState;
  /** Unanswered retransmission timeouts in a row. */
  readonly timeouts: number;
  readonly rtoMs: number;
  readonly mss: number;
  readonly pathMtu: number;
  /** Segments in flight, as the sender sees them, and those it holds for lost. */
  readonly unackedSegments: number;
  readonly lost: number;
  /** Segments that the other end has acknowledged so far, those out of order included; a 32-bit count that wraps. */
  readonly deliveredSegments: number;
  readonly cwndSegments: number;
  readonly lastDataSentMs: number;
  readonly lastDataRecvMs: number;
  readonly lastAckRecvMs: number;
  /** Smoothed; undefined before the first sample. */
  readonly rttMs: number | undefined;
  readonly rttVarMs: number | undefined;
  /** The least RTT in the kernel's window of some minutes. */
  readonly minRttMs: number | undefined;
  readonly bytesAcked: number;
  readonly bytesReceived: number;
  readonly notSentBytes: number;
  /** Goodput of the last flight, bit/s; 0 before the first sample. */
  readonly deliveryRate: number;
  /** True when the application, not the network, limited `deliveryRate`. */
  readonly deliveryRateAppLimited: boolean;
  /** Retransmissions included. */
  readonly bytesSent: number;
  readonly bytesRetrans: number;
}

/* include/net/tcp_states.h: the numbers start at 1. */
const STATES = [
  "established",
  "syn-sent",
  "syn-received",
  "fin-wait-1",
  "fin-wait-2",
  "time-wait",
  "close",
  "close-wait",
  "last-ack",
  "listen",
  "closing",
  "new-syn-received",
] as const;
export type TcpState = (typeof STATES)[number] | "unknown";

/* linux/tcp.h: enum tcp_ca_state */
const LOSS_STATES = ["open", "disorder", "cwr", "recovery", "loss"] as const;
export type LossState = (typeof LOSS_STATES)[number] | "unknown";

/** The state with a kernel's number; "unknown" for one that is newer than we are. */
export const tcpState = (number: number): TcpState => STATES[number - 1] ?? "unknown";

/** Up to and including tcpi_bytes_retrans (4.19); we ask for 6.1 or newer. */
const NEEDED = 216;
/** The whole of the struct in 6.18, with room to grow. */
export const TCP_INFO_SIZE = 320;

const NO_MIN_RTT = 0xffff_ffff;
const US_PER_MS = 1000;
const BITS = 8;

/** Fails with cause class `kernel`, code `short-tcp-info`, when the struct ends before its oldest fields do. */
export function decodeTcpInfo(bytes: Buffer): TcpInfo {
  if (bytes.length < NEEDED) {
    throw new SennitError("kernel", "short-tcp-info", `tcp_info of ${bytes.length} bytes, ${NEEDED} needed`);
  }
  const u32 = (at: number): number => bytes.readUInt32LE(at);
  const u64 = (at: number): number => readCounter(bytes, at);
  const rtt = u32(68);
  const minRtt = u32(148);
  return {
    state: tcpState(bytes.readUInt8(0)),
    lossState: LOSS_STATES[bytes.readUInt8(1)] ?? "unknown",
    timeouts: bytes.readUInt8(2),
    deliveryRateAppLimited: (bytes.readUInt8(7) & 1) === 1,
    rtoMs: u32(8) / US_PER_MS,
    mss: u32(16),
    unackedSegments: u32(24),
    lost: u32(32),
    lastDataSentMs: u32(44),
    lastDataRecvMs: u32(52),
    lastAckRecvMs: u32(56),
    pathMtu: u32(60),
    rttMs: rtt === 0 ? undefined : rtt / US_PER_MS,
    rttVarMs: rtt === 0 ? undefined : u32(72) / US_PER_MS,
    cwndSegments: u32(80),
    bytesAcked: u64(120),
    bytesReceived: u64(128),
    notSentBytes: u32(144),
    minRttMs: minRtt === NO_MIN_RTT ? undefined : minRtt / US_PER_MS,
    deliveryRate: u64(160) * BITS,
    deliveredSegments: u32(192),
    bytesSent: u64(200),
    bytesRetrans: u64(208),
  };
}

/** A 64-bit counter as a number: exact up to 2^53 bytes, which is 2 years at 1 Gbit/s. */
export function readCounter(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x1_0000_0000;
}
