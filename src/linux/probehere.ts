import { release } from "node:os";
import { subflowDataRequest } from "./mptcpinfo.ts";
import { libc, errnoName, lastErrno } from "./ffi/libc.ts";
import { aeadProblem, opensslVersion } from "./aead.ts";
import { createSysctl } from "./sysctl.ts";
import { no, type Probe, unknown, type Verdict, yes } from "./probecapability.ts";

/** The oldest kernel worth running on: MPTCPv1 with long-term support. */
const OLDEST = [6, 1] as const;

/* linux/socket.h, linux/in.h, linux/tcp.h, linux/mptcp.h */
const AF_INET6 = 10;
const SOCK_STREAM_CLOEXEC = 1 | 0o2000000;
const IPPROTO_TCP = 6;
const IPPROTO_MPTCP = 262;
const TCP_ULP = 31;
const SOL_MPTCP = 284;
const MPTCP_INFO = 1;
const MPTCP_TCPINFO = 2;
const MPTCP_SUBFLOW_ADDRS = 3;
const MPTCP_FULL_INFO = 4;
/** struct mptcp_full_info without room for subflows. */
const FULL_INFO_SIZE = 200;

/** What can be tried without changing anything and without any right. */
export const HERE_PROBES: readonly Probe<[]>[] = [
  { id: "kernel.version", purpose: "anything at all: Linux 6.1 or newer", run: kernelVersion },
  {
    id: "mptcp.socket",
    purpose: "carriers that use all WANs at once (MPTCP v1)",
    run: () => withSocket(IPPROTO_MPTCP, () => yes("socket(AF_INET6, SOCK_STREAM, 262) opened")),
  },
  info("mptcp.info", "tell whether a carrier is MPTCP or fell back", MPTCP_INFO, () => Buffer.alloc(160)),
  info("mptcp.tcpinfo", "watch each subflow before Linux 6.5", MPTCP_TCPINFO, () =>
    subflowDataRequest(320, 1),
  ),
  info("mptcp.subflow-addrs", "know each subflow's WAN before Linux 6.5", MPTCP_SUBFLOW_ADDRS, () =>
    subflowDataRequest(256, 1),
  ),
  info("mptcp.full-info", "watch all subflows in one call", MPTCP_FULL_INFO, () =>
    Buffer.alloc(FULL_INFO_SIZE),
  ),
  sysctl("mptcp.enabled", "MPTCP switched on where we run", "net/mptcp/enabled", (value) => value === "1"),
  sysctl("mptcp.schedulers", "choose how subflows share the load", "net/mptcp/available_schedulers"),
  sysctl(
    "mptcp.blackhole-timeout",
    "keep one WAN's fault from switching MPTCP off",
    "net/mptcp/blackhole_timeout",
  ),
  sysctl("mptcp.close-timeout", "carriers that outlive an outage", "net/mptcp/close_timeout"),
  sysctl(
    "tcp.congestion-control",
    "choose how carriers find their rate",
    "net/ipv4/tcp_available_congestion_control",
  ),
  { id: "tls.kernel", purpose: "TLS records sealed by the kernel (kTLS); not needed", run: kernelTls },
  {
    id: "aead.embedded",
    purpose: "tunnel packets sealed by Node's own OpenSSL, called directly",
    run: embeddedOpenssl,
  },
];

function kernelVersion(): Verdict {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  const enough = major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
  return (enough ? yes : no)(`Linux ${release()}`);
}

function info(id: string, purpose: string, option: number, request: () => Buffer): Probe<[]> {
  const run = (): Verdict =>
    withSocket(IPPROTO_MPTCP, (fd) => {
      const value = request();
      const length = Buffer.alloc(4);
      length.writeUInt32LE(value.length);
      if (libc.getsockopt(fd, SOL_MPTCP, option, value, length) === 0)
        return yes(`getsockopt(SOL_MPTCP, ${option}) answered ${length.readUInt32LE()} bytes`);
      return no(`getsockopt(SOL_MPTCP, ${option}): ${errnoName(lastErrno())}`);
    });
  return { id, purpose, run };
}

function sysctl(
  id: string,
  purpose: string,
  key: string,
  good: (value: string) => boolean = () => true,
): Probe<[]> {
  const run = (): Verdict => {
    const value = createSysctl().get(key);
    if (value === undefined) return no(`no ${key} in this kernel`);
    return (good(value) ? yes : no)(`${key} = ${value}`);
  };
  return { id, purpose, run };
}

function kernelTls(): Verdict {
  return withSocket(IPPROTO_TCP, (fd) => {
    const name = Buffer.from("tls");
    const errno =
      libc.setsockopt(fd, IPPROTO_TCP, TCP_ULP, name, name.length) === 0 ? "" : errnoName(lastErrno());
    const said = `setsockopt(TCP_ULP, "tls"): ${errno || "done"}`;
    // What exists only complains that this socket is not connected.
    if (errno === "" || errno === "ENOTCONN") return yes(said);
    // Only root makes the kernel look for the module.
    return process.getuid?.() === 0 ? no(said) : unknown(`${said}, without the right to load it`);
  });
}

function embeddedOpenssl(): Verdict {
  const problem = aeadProblem();
  return problem === undefined ? yes(`${opensslVersion()}: AES-128-GCM equals node:crypto's`) : no(problem);
}

function withSocket(protocol: number, fn: (fd: number) => Verdict): Verdict {
  const fd = libc.socket(AF_INET6, SOCK_STREAM_CLOEXEC, protocol);
  if (fd < 0) {
    const errno = errnoName(lastErrno());
    const verdict = errno === "EPERM" || errno === "EACCES" || errno === "EMFILE" ? unknown : no;
    return verdict(`socket of protocol ${protocol}: ${errno}`);
  }
  try {
    return fn(fd);
  } finally {
    libc.close(fd);
  }
}
