import { addressOf, errnoName, lastErrno, libc } from "./ffi/libc.ts";
import { socketEnd, socketError } from "./socketoptions.ts";
import {
  combine,
  type ConnectionInfo,
  decodeFullInfo,
  decodeMptcpInfo,
  type FullInfoArrays,
  fullInfoRequest,
  fullInfoSizes,
  MPTCP_INFO_SIZE,
  plainInfo,
  splitSubflowData,
  SUBFLOW_ADDRS_SIZE,
  subflowDataRequest,
} from "./mptcpinfo.ts";
import { decodeTcpInfo, TCP_INFO_SIZE } from "./tcpinfo.ts";

/* linux/socket.h, linux/tcp.h, linux/mptcp.h */
const SOL_TCP = 6;
const TCP_INFO = 11;
const SOL_MPTCP = 284;
const MPTCP_INFO = 1;
const MPTCP_TCPINFO = 2;
const MPTCP_SUBFLOW_ADDRS = 3;
const MPTCP_FULL_INFO = 4;

/** The kernel allows 8 extra subflows up to 6.18, 64 later; the first one is not counted. */
const MAX_SUBFLOWS = 65;

/** Set once, on the first connection that shows that this kernel (before 6.5) has no MPTCP_FULL_INFO. */
let noFullInfo = false;

/**
 * What the kernel knows of the connected socket `fd`; undefined when it is not connected (any more).
 * Before 6.5 the subflows come from two calls, between which one may come or go: then one is missing for once.
 */
export function readInfo(fd: number): ConnectionInfo | undefined {
  // An MPTCP socket that fell back answers as the plain TCP socket it now is: no option of SOL_MPTCP exists.
  return (noFullInfo ? undefined : readFull(fd)) ?? readPieces(fd) ?? readPlain(fd);
}

function readPlain(fd: number): ConnectionInfo | undefined {
  const tcp = ask(fd, SOL_TCP, TCP_INFO, Buffer.alloc(TCP_INFO_SIZE));
  const local = socketEnd(fd, "local");
  const remote = socketEnd(fd, "remote");
  return tcp && local && remote ? plainInfo(decodeTcpInfo(tcp), local, remote) : undefined;
}

let arrays: FullInfoArrays | undefined;

function readFull(fd: number): ConnectionInfo | undefined {
  arrays ??= allocate();
  const answer = ask(fd, SOL_MPTCP, MPTCP_FULL_INFO, fullInfoRequest(arrays));
  return answer && decodeFullInfo(answer, arrays);
}

function allocate(): FullInfoArrays {
  const size = fullInfoSizes(MAX_SUBFLOWS, TCP_INFO_SIZE);
  const [subflows, tcp] = [Buffer.alloc(size.subflows), Buffer.alloc(size.tcp)];
  return {
    subflows,
    subflowsAddress: addressOf(subflows),
    tcp,
    tcpAddress: addressOf(tcp),
    capacity: MAX_SUBFLOWS,
  };
}

/** How it was before 6.5. */
function readPieces(fd: number): ConnectionInfo | undefined {
  const mptcp = ask(fd, SOL_MPTCP, MPTCP_INFO, Buffer.alloc(MPTCP_INFO_SIZE));
  if (mptcp === undefined) return undefined;
  noFullInfo = true;
  const tcp = ask(fd, SOL_MPTCP, MPTCP_TCPINFO, subflowDataRequest(TCP_INFO_SIZE, MAX_SUBFLOWS));
  const addrs = ask(fd, SOL_MPTCP, MPTCP_SUBFLOW_ADDRS, subflowDataRequest(SUBFLOW_ADDRS_SIZE, MAX_SUBFLOWS));
  if (!tcp || !addrs) return undefined;
  return combine(decodeMptcpInfo(mptcp), splitSubflowData(tcp), splitSubflowData(addrs));
}

/** getsockopt into `buffer`; the part that was written, or undefined where the socket has no such option. */
function ask(fd: number, level: number, name: number, buffer: Buffer): Buffer | undefined {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(buffer.length);
  if (libc.getsockopt(fd, level, name, buffer, length) === 0)
    return buffer.subarray(0, length.readUInt32LE());
  const errno = errnoName(lastErrno());
  if (["ENOPROTOOPT", "EOPNOTSUPP", "ENOTCONN", "EINVAL"].includes(errno)) return undefined;
  throw socketError(errno, `getsockopt level ${level} option ${name}`);
}
