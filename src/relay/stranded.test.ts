import { expect, test } from "vitest";
import type { ConnectionInfo } from "../linux/mptcpinfo.ts";
import { strandedBytes } from "./stranded.ts";

const MB = 1024 * 1024;
const info = (change: Partial<ConnectionInfo>, unacked: readonly number[]): ConnectionInfo =>
  ({
    mptcp: true,
    bytesSent: 9 * MB,
    bytesAcked: 8 * MB,
    subflows: unacked.map((unackedSegments, index) => ({
      state: index < 2 ? "established" : "fin-wait-1",
      unackedSegments,
    })),
    ...change,
  }) as unknown as ConnectionInfo;

test.each([
  ["that no subflow carries are stranded", info({}, [0, 0]), MB],
  ["beside a subflow that was ended are stranded, too", info({}, [0, 0, 1]), MB],
  ["that a subflow carries are on their way", info({}, [0, 1]), 0],
  ["that are few come with the next timeout", info({ bytesAcked: 9 * MB - 1000 }, [0]), 0],
  ["of plain TCP are the kernel's own business", info({ mptcp: false }, [0]), 0],
  ["of a connection that is gone are none", undefined, 0],
] as const)("bytes %s", (_, seen, expected) => {
  expect(strandedBytes(seen)).toBe(expected);
});
