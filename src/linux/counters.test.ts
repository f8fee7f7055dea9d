import { expect, test } from "vitest";
import { parseDeviceCounters } from "./counters.ts";

const TEXT = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1720      20    0    0    0     0          0         0     1720      20    0    0    0     0       0          0
eth0.100:98765432109 4 0 0 0 0 0 0 17 1 0 0 0 0 0 0
 broken: 1 2 3
`;

test("reads bytes in and out of each device, names with dots included, and leaves out broken lines", () => {
  expect([...parseDeviceCounters(TEXT)]).toEqual([
    ["lo", { bytesIn: 1720, bytesOut: 1720 }],
    ["eth0.100", { bytesIn: 98_765_432_109, bytesOut: 17 }],
  ]);
});
