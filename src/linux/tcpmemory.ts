import { readFileSync } from "node:fs";

/** The memory of all TCP and MPTCP sockets of the machine, in pages, whatever their network namespace. */
export interface TcpMemory {
  readonly used: number;
  /** First value of net.ipv4.tcp_mem: once over the second, the kernel clamps every window until it is below this again. */
  readonly low: number;
}

/** To be asked in the machine's first network namespace: the others have no tcp_mem. */
export function tcpMemory(): TcpMemory {
  return readTcpMemory(
    readFileSync("/proc/net/sockstat", "utf8"),
    readFileSync("/proc/sys/net/ipv4/tcp_mem", "utf8"),
  );
}

/** From /proc/net/sockstat (proc_pid_net(5)) and the three values of net.ipv4.tcp_mem (tcp(7)). */
export function readTcpMemory(sockstat: string, marks: string): TcpMemory {
  return {
    used: Number(/^TCP: .*\bmem (\d+)/m.exec(sockstat)?.[1] ?? 0),
    low: Number(marks.trim().split(/\s+/)[0]),
  };
}
