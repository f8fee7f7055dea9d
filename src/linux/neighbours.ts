import ipaddr from "ipaddr.js";
import { SennitError } from "../base/errors.ts";
import { familyOf, normalAddress } from "./ffi/sockaddr.ts";
import { encodeAttribute, encodeMessage } from "./netlink.ts";
import { ROUTE, withNetlink } from "./netlinksocket.ts";

/**
 * What the kernel knows of a neighbour by ARP or neighbour discovery. `answers`: heard within the last half a minute or so.
 * `silent`: asked, and did not answer. `asking`: being asked. `unknown`: nobody asked of late, or there is nothing to ask
 * for (point-to-point).
 */
export type NeighbourState = "answers" | "silent" | "asking" | "unknown";

/** A machine at the other end of a device, by its address there. */
export interface Neighbour {
  /** Number of the device (Link.index). */
  readonly index: number;
  readonly address: string;
}

/** The kernel's table of neighbours (ip-neighbour(8)). */
export interface Neighbours {
  /** `unknown` where the device is gone. */
  state(neighbour: Neighbour): NeighbourState;
  /** Has the kernel ask it anew, up to three times in three seconds; `state` tells what came of it. */
  ask(neighbour: Neighbour): void;
}

/* linux/neighbour.h, linux/rtnetlink.h */
const RTM_NEWNEIGH = 28;
const RTM_GETNEIGH = 30;
const NDA_DST = 1;
const NTF_USE = 0x01;
const NUD = {
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
} as const;
const NUD_PERMANENT = 0x80;
/** struct ndmsg: u8 family, three of padding, s32 ifindex, u16 state, u8 flags, u8 type. */
const NDMSG_SIZE = 12;
const [INDEX_AT, STATE_AT, FLAGS_AT] = [4, 8, 10] as const;
const FAMILIES = { 4: 2, 6: 10 } as const;

/** Of this process's network namespace, or of the one at `netns`. */
export function kernelNeighbours(netns?: string): Neighbours {
  const stateOf = (neighbour: Neighbour): number | undefined =>
    withNetlink(ROUTE, netns, (converse) => {
      const { payloads, errno } = converse(encodeMessage(RTM_GETNEIGH, "act", encode(neighbour, 0, 0)));
      // No such neighbour, or no such device (any more).
      if (errno === "ENOENT" || errno === "ENODEV" || errno === "EINVAL") return undefined;
      if (errno !== "errno 0") throw refused("read", neighbour, errno);
      return payloads[0]?.readUInt16LE(STATE_AT);
    });
  return {
    state: (neighbour) => nameOf(stateOf(neighbour)),
    ask(neighbour) {
      const state = stateOf(neighbour);
      // One that is known by its address is asked directly; any other is looked for as if there were a packet for it.
      const known = state !== undefined && (state & (NUD.reachable | NUD.stale | NUD.delay)) !== 0;
      const request = known ? encode(neighbour, NUD.probe, 0) : encode(neighbour, 0, NTF_USE);
      const { errno } = withNetlink(ROUTE, netns, (converse) =>
        converse(encodeMessage(RTM_NEWNEIGH, "create", request)),
      );
      if (errno !== "errno 0" && errno !== "ENODEV" && errno !== "ENETDOWN")
        throw refused("ask", neighbour, errno);
    },
  };
}

function nameOf(state: number | undefined): NeighbourState {
  if (state === undefined) return "unknown";
  if ((state & (NUD.reachable | NUD_PERMANENT)) !== 0) return "answers";
  if ((state & NUD.failed) !== 0) return "silent";
  return (state & (NUD.incomplete | NUD.delay | NUD.probe)) !== 0 ? "asking" : "unknown";
}

function encode({ index, address }: Neighbour, state: number, flags: number): Buffer {
  const header = Buffer.alloc(NDMSG_SIZE);
  const normal = normalAddress(address);
  header.writeUInt8(FAMILIES[familyOf(normal)], 0);
  header.writeInt32LE(index, INDEX_AT);
  header.writeUInt16LE(state, STATE_AT);
  header.writeUInt8(flags, FLAGS_AT);
  return Buffer.concat([header, encodeAttribute(NDA_DST, Buffer.from(ipaddr.parse(normal).toByteArray()))]);
}

const refused = (what: string, { address }: Neighbour, errno: string): SennitError =>
  new SennitError("kernel", errno, `${what} the neighbour ${address}: ${errno}`);
