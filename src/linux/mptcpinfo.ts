import { SennitError } from "../base/errors.ts";
import { decodeSockaddr, type Endpoint } from "./ffi/sockaddr.ts";
import { decodeTcpInfo, readCounter, type TcpInfo } from "./tcpinfo.ts";

/** One TCP connection of an MPTCP connection. */
export interface SubflowInfo extends TcpInfo {
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

/** What the kernel knows of one connection. Counters are bytes of the application, each counted once. */
export interface ConnectionInfo {
  /** False for plain TCP, also where MPTCP was asked for and the peer or a middlebox refused it. */
  readonly mptcp: boolean;
  /** The kernel's name for an MPTCP connection, as in `ss -M` and path manager events. */
  readonly token: number | undefined;
  readonly bytesSent: number;
  readonly bytesAcked: number;
  readonly bytesReceived: number;
  /** Bytes sent again, on the same subflow or another. */
  readonly bytesRetrans: number;
  readonly subflows: readonly SubflowInfo[];
}

/** struct mptcp_info (linux/mptcp.h). */
export interface MptcpInfo {
  readonly fallback: boolean;
  readonly token: number;
  /** Extra subflows, and the most there may be. */
  readonly subflows: number;
  readonly subflowsMax: number;
  readonly addAddrAccepted: number;
  readonly addAddrAcceptedMax: number;
  /** Undefined before 6.5. */
  readonly counters:
    | Pick<ConnectionInfo, "bytesSent" | "bytesAcked" | "bytesReceived" | "bytesRetrans">
    | undefined;
}

/** Through mptcpi_csum_enabled (5.16), and through mptcpi_bytes_acked (6.5). */
const MPTCP_INFO_NEEDED = 43;
const MPTCP_INFO_COUNTERS = 80;
const FLAG_FALLBACK = 1;

/** Fails with `kernel` `short-mptcp-info` when the struct ends before its oldest fields do. */
export function decodeMptcpInfo(bytes: Buffer): MptcpInfo {
  need("mptcp-info", bytes, MPTCP_INFO_NEEDED);
  return {
    subflows: bytes.readUInt8(0),
    addAddrAccepted: bytes.readUInt8(2),
    subflowsMax: bytes.readUInt8(3),
    addAddrAcceptedMax: bytes.readUInt8(5),
    fallback: (bytes.readUInt32LE(8) & FLAG_FALLBACK) !== 0,
    token: bytes.readUInt32LE(12),
    counters:
      bytes.length < MPTCP_INFO_COUNTERS
        ? undefined
        : {
            bytesRetrans: readCounter(bytes, 48),
            bytesSent: readCounter(bytes, 56),
            bytesReceived: readCounter(bytes, 64),
            bytesAcked: readCounter(bytes, 72),
          },
  };
}

/** struct sockaddr_storage, twice: struct mptcp_subflow_addrs. */
const STORAGE_SIZE = 128;
export const SUBFLOW_ADDRS_SIZE = 2 * STORAGE_SIZE;

/** Fails with `kernel` `short-subflow-addrs` or `bad-subflow-addrs`. */
export function decodeSubflowAddrs(bytes: Buffer): { local: Endpoint; remote: Endpoint } {
  need("subflow-addrs", bytes, SUBFLOW_ADDRS_SIZE);
  const local = decodeSockaddr(bytes, 0);
  const remote = decodeSockaddr(bytes, STORAGE_SIZE);
  if (local && remote) return { local, remote };
  throw new SennitError("kernel", "bad-subflow-addrs", "a subflow of neither IPv4 nor IPv6");
}

/* struct mptcp_subflow_data: the header of MPTCP_TCPINFO and MPTCP_SUBFLOW_ADDRS. */
const DATA_HEADER_SIZE = 16;

/** The header that asks for elements of `elementSize` bytes in a buffer of `capacity` of them. */
export function subflowDataRequest(elementSize: number, capacity: number): Buffer {
  const request = Buffer.alloc(DATA_HEADER_SIZE + elementSize * capacity);
  request.writeUInt32LE(DATA_HEADER_SIZE, 0);
  request.writeUInt32LE(elementSize, 12);
  return request;
}

/** The elements of an answer, each as long as the kernel made it. Fails with `kernel` `short-subflow-data`. */
export function splitSubflowData(bytes: Buffer): readonly Buffer[] {
  need("subflow-data", bytes, DATA_HEADER_SIZE);
  const header = bytes.readUInt32LE(0);
  const [count, kernelSize, userSize] = [4, 8, 12].map((at) => bytes.readUInt32LE(at)) as [
    number,
    number,
    number,
  ];
  return splitArray(bytes.subarray(header), count, userSize, kernelSize);
}

/* struct mptcp_full_info (6.5): six sizes, two pointers to our arrays, then a struct mptcp_info. */
const FULL_POINTERS_AT = 24;
const FULL_MPTCP_AT = 40;
/** struct mptcp_subflow_info: an id and the addresses, aligned to 8. */
const FULL_SUBFLOW_SIZE = 8 + SUBFLOW_ADDRS_SIZE;
/** Room for the mptcp_info of 6.18 (96 bytes) and of some releases after it. */
export const MPTCP_INFO_SIZE = 160;

/** The arrays that MPTCP_FULL_INFO fills, at addresses that must stay valid through the call. */
export interface FullInfoArrays {
  readonly subflows: Buffer;
  readonly subflowsAddress: bigint;
  readonly tcp: Buffer;
  readonly tcpAddress: bigint;
  readonly capacity: number;
}

export const fullInfoSizes = (capacity: number, tcpInfoSize: number): { subflows: number; tcp: number } => ({
  subflows: FULL_SUBFLOW_SIZE * capacity,
  tcp: tcpInfoSize * capacity,
});

export function fullInfoRequest(arrays: FullInfoArrays): Buffer {
  const request = Buffer.alloc(FULL_MPTCP_AT + MPTCP_INFO_SIZE);
  request.writeUInt32LE(arrays.tcp.length / arrays.capacity, 4);
  request.writeUInt32LE(FULL_SUBFLOW_SIZE, 12);
  request.writeUInt32LE(arrays.capacity, 20);
  request.writeBigUInt64LE(arrays.subflowsAddress, FULL_POINTERS_AT);
  request.writeBigUInt64LE(arrays.tcpAddress, FULL_POINTERS_AT + 8);
  return request;
}

/** Fails with `kernel` `short-full-info` and the codes of its parts. */
export function decodeFullInfo(
  bytes: Buffer,
  arrays: Pick<FullInfoArrays, "subflows" | "tcp">,
): ConnectionInfo {
  need("full-info", bytes, FULL_MPTCP_AT);
  const [tcpKernel, tcpUser, flowKernel, flowUser, count] = [0, 4, 8, 12, 16].map((at) =>
    bytes.readUInt32LE(at),
  ) as [number, number, number, number, number];
  const infos = splitArray(arrays.tcp, count, tcpUser, tcpKernel);
  const addrs = splitArray(arrays.subflows, count, flowUser, flowKernel).map((entry) => entry.subarray(8));
  return combine(decodeMptcpInfo(bytes.subarray(FULL_MPTCP_AT)), infos, addrs);
}

/** One answer from the pieces: mptcp_info, and per subflow a tcp_info and its addresses, in the same order. */
export function combine(
  mptcp: MptcpInfo,
  infos: readonly Buffer[],
  addrs: readonly Buffer[],
): ConnectionInfo {
  const subflows: SubflowInfo[] = [];
  for (const [index, addr] of addrs.slice(0, infos.length).entries()) {
    subflows.push({ ...decodeTcpInfo(infos[index] as Buffer), ...decodeSubflowAddrs(addr) });
  }
  // Sums forget subflows that are gone; a connection that fell back has one, and the MPTCP counters stand still.
  const counters = mptcp.fallback ? undefined : mptcp.counters;
  return {
    mptcp: !mptcp.fallback,
    token: mptcp.fallback ? undefined : mptcp.token,
    ...(counters ?? totalsOf(subflows)),
    subflows,
  };
}

/** A plain TCP connection: its own only subflow. */
export function plainInfo(tcp: TcpInfo, local: Endpoint, remote: Endpoint): ConnectionInfo {
  const subflows = [{ ...tcp, local, remote }];
  return { mptcp: false, token: undefined, ...totalsOf(subflows), subflows };
}

function totalsOf(
  subflows: readonly SubflowInfo[],
): Pick<ConnectionInfo, "bytesSent" | "bytesAcked" | "bytesReceived" | "bytesRetrans"> {
  const sum = (of: (info: SubflowInfo) => number): number =>
    subflows.reduce((total, info) => total + of(info), 0);
  return {
    bytesSent: sum((info) => info.bytesSent - info.bytesRetrans),
    bytesAcked: sum((info) => info.bytesAcked),
    bytesReceived: sum((info) => info.bytesReceived),
    bytesRetrans: sum((info) => info.bytesRetrans),
  };
}

/** Elements that lie `stride` apart, of which the kernel wrote `written` bytes each, as many as are there. */
function splitArray(bytes: Buffer, count: number, stride: number, written: number): readonly Buffer[] {
  const length = Math.min(stride, written);
  const elements: Buffer[] = [];
  if (length === 0) return elements;
  for (let at = 0; elements.length < count && at + length <= bytes.length; at += stride) {
    elements.push(bytes.subarray(at, at + length));
  }
  return elements;
}

function need(what: string, bytes: Buffer, length: number): void {
  if (bytes.length >= length) return;
  throw new SennitError("kernel", `short-${what}`, `${what} of ${bytes.length} bytes, ${length} needed`);
}
