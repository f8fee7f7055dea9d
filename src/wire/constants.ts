/**
 * The numbers of the wire, version 1. docs/protocol.md says the same in words; both change together.
 */

/** Application protocol name in the TLS handshake (RFC 7301): tells carriers from anything else on the port. */
export const ALPN = "sennit/1";

/** The protocol versions this program speaks. */
export const VERSION_MIN = 1;
export const VERSION_MAX = 1;

/** Feature bits in HELLO and WELCOME: what both announce may be used. None is in use in version 1. */
export const FEATURES = 0;

/** Every frame begins with type, flags, body length, flow and offset. */
export const HEADER_BYTES = 16;

/**
 * The largest body of a DATA frame: with its header it fills two TLS records (2^14 bytes each, RFC 8446 section 5.1)
 * to the last byte, and no flow waits behind more than that of another's.
 */
export const MAX_DATA_BYTES = 2 * 16_384 - HEADER_BYTES;

/** The largest body of every other frame. Generous: HELLO, the largest, has 157 bytes. */
export const MAX_CONTROL_BYTES = 1024;

/**
 * What an opener may send before it hears OPENED, and the smallest window there is: so that first bytes ride along
 * with OPEN without a round trip of waiting.
 */
export const INITIAL_WINDOW = 64 * 1024;

/** Flow 0 is the carrier itself. Flows opened by the dialling side are odd, by the accepting side even. */
export const CARRIER_FLOW = 0;

export const FrameType = {
  HELLO: 0x01,
  WELCOME: 0x02,
  REJECT: 0x03,
  PING: 0x04,
  PONG: 0x05,
  GOAWAY: 0x06,
  LOST: 0x07,
  VERDICT: 0x08,
  PROBE_KEY: 0x09,
  LEAVING: 0x0a,
  OPEN: 0x10,
  OPENED: 0x11,
  REFUSED: 0x12,
  DATA: 0x13,
  ACK: 0x14,
  FIN: 0x15,
  RESET: 0x16,
} as const;

/** Types with a meaning to come; to a peer that announced no feature for them they are unknown. */
export const ReservedFrameType = {
  /** The keys of the datagram tunnel. */
  KEY_EPOCH: 0x20,
} as const;

/** What one end thinks of a subflow, from the bytes that it was not answered for. */
export const Verdict = {
  /** It may be well yet: use another where there is one. */
  SUSPECT: 1,
  /** It is over, and this end has ended it. */
  DEAD: 2,
} as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

/** In ACK: the FIN was delivered as well, nothing more is expected in this direction. */
export const ACK_FIN = 0x01;

/** Why a HELLO was turned away. */
export const Reject = {
  VERSION: 1,
  MALFORMED: 2,
  SIGNATURE: 3,
  UNKNOWN_ROUTER: 4,
  INVITE: 5,
  BUSY: 6,
} as const;

/** Why a flow could not be opened: what the target's network said, or we. */
export const Refusal = {
  CONNECTION_REFUSED: 1,
  HOST_UNREACHABLE: 2,
  NETWORK_UNREACHABLE: 3,
  TIMED_OUT: 4,
  POLICY: 5,
  BUSY: 6,
  FAILED: 7,
} as const;
export type Refusal = (typeof Refusal)[keyof typeof Refusal];

/** Why an open flow ended at once. */
export const ResetReason = {
  /** The application's connection was reset or broke. */
  APPLICATION: 1,
  /** The peer broke the rules of the wire. */
  PROTOCOL: 2,
  /** This end does not know the flow (any more). */
  UNKNOWN_FLOW: 3,
  /** No carrier was up for longer than this end waits for one. */
  EXPIRED: 4,
  /** This end is stopping. */
  STOPPING: 5,
} as const;
export type ResetReason = (typeof ResetReason)[keyof typeof ResetReason];

/** What a flow is, from its DSCP. */
export const TrafficClass = { DEFAULT: 0, REALTIME: 1, INTERACTIVE: 2, BULK: 3 } as const;
export type TrafficClass = (typeof TrafficClass)[keyof typeof TrafficClass];
