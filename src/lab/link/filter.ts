/** What a middlebox on a link lets pass, by what a frame is. */
export interface FrameFilter {
  /** IP packets of more bytes vanish, and no ICMP tells of it; Infinity where all pass. */
  readonly mtuBlackhole: number;
  readonly blockUdp: boolean;
  /** Additional subflows of MPTCP are not opened; connections are. */
  readonly blockMpJoin: boolean;
}

const ETHERNET_HEADER = 14;
const ETHERTYPE_AT = 12;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const TCP = 6;
const UDP = 17;

export function filters({ mtuBlackhole, blockUdp, blockMpJoin }: FrameFilter): boolean {
  return mtuBlackhole !== Infinity || blockUdp || blockMpJoin;
}

/** Whether the filter drops the frame of `size` bytes at `offset`. Makes no object. */
export function drops(filter: FrameFilter, bytes: Buffer, offset: number, size: number): boolean {
  if (size < ETHERNET_HEADER) return false;
  const type = bytes.readUInt16BE(offset + ETHERTYPE_AT);
  if (type !== IPV4 && type !== IPV6) return false;
  if (size - ETHERNET_HEADER > filter.mtuBlackhole) return true;
  if (!filter.blockUdp && !filter.blockMpJoin) return false;
  const start = offset + ETHERNET_HEADER;
  const end = offset + size;
  return type === IPV4 ? dropsIPv4(filter, bytes, start, end) : dropsIPv6(filter, bytes, start, end);
}

/** RFC 791, 3.1. */
function dropsIPv4(filter: FrameFilter, bytes: Buffer, start: number, end: number): boolean {
  if (end - start < 20) return false;
  const protocol = bytes[start + 9];
  // Fragments have the protocol, too.
  if (protocol === UDP) return filter.blockUdp;
  const first = (bytes.readUInt16BE(start + 6) & 0x1fff) === 0;
  if (protocol !== TCP || !first || !filter.blockMpJoin) return false;
  return opensSubflow(bytes, start + ((bytes[start] ?? 0) & 0xf) * 4, end);
}

/* Headers that may stand before that of the transport (RFC 8200, 4). */
const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION = 60;

function dropsIPv6(filter: FrameFilter, bytes: Buffer, start: number, end: number): boolean {
  if (end - start < 40) return false;
  let next = bytes[start + 6];
  let at = start + 40;
  while (at + 8 <= end) {
    if (next === UDP) return filter.blockUdp;
    if (next === TCP) return filter.blockMpJoin && opensSubflow(bytes, at, end);
    const following = bytes[at];
    const length = bytes[at + 1] ?? 0;
    if (next === HOP_BY_HOP || next === ROUTING || next === DESTINATION) at += (length + 1) * 8;
    else if (next === AUTHENTICATION) at += (length + 2) * 4;
    else if (next === FRAGMENT) {
      // Behind the header of a later fragment is no other, only the word of which it would be.
      if ((bytes.readUInt16BE(at + 2) & 0xfff8) !== 0) return filter.blockUdp && following === UDP;
      at += 8;
    } else return false;
    next = following;
  }
  return false;
}

const SYN = 0x02;
const OPTION_END = 0;
const OPTION_NOP = 1;
/** RFC 8684, 8: the kind of all MPTCP options, and the subtype in the upper half of the first byte of their content. */
const OPTION_MPTCP = 30;
const MP_JOIN = 1;

/** Whether the TCP segment at `start` is a SYN, or SYN/ACK, with MP_JOIN, wherever that stands among the options. */
function opensSubflow(bytes: Buffer, start: number, end: number): boolean {
  if (end - start < 20 || ((bytes[start + 13] ?? 0) & SYN) === 0) return false;
  const optionsEnd = Math.min(end, start + ((bytes[start + 12] ?? 0) >> 4) * 4);
  for (let at = start + 20; at < optionsEnd;) {
    const kind = bytes[at] ?? OPTION_END;
    if (kind === OPTION_END) return false;
    if (kind === OPTION_NOP) {
      at++;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    if (length < 2 || at + length > optionsEnd) return false;
    if (kind === OPTION_MPTCP && length >= 3 && (bytes[at + 2] ?? 0) >> 4 === MP_JOIN) return true;
    at += length;
  }
  return false;
}
