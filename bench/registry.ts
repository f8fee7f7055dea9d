import type { Bench } from "./bench.ts";
import { accept } from "./ids/accept.ts";
import { aggregate } from "./ids/aggregate.ts";
import { bulk8, bulkDown, bulkUp } from "./ids/bulk.ts";
import { busy } from "./ids/busy.ts";
import { cpuPerGb } from "./ids/cpu.ts";
import { failOpen } from "./ids/failopen.ts";
import { firstByte } from "./ids/firstbyte.ts";
import { heal } from "./ids/heal.ts";
import { idle } from "./ids/idle.ts";
import { idleFlows } from "./ids/idleflows.ts";
import { flaps } from "./ids/flaps.ts";
import { lossy } from "./ids/lossy.ts";
import { many } from "./ids/many.ts";
import { natReboot } from "./ids/natreboot.ts";
import { outage } from "./ids/outage.ts";
import { pathReturn } from "./ids/return.ts";
import { quota } from "./ids/quota.ts";
import { renumber } from "./ids/renumber.ts";
import { smallNat } from "./ids/smallnat.ts";
import { stall } from "./ids/stall.ts";
import { bulk512 } from "./ids/streams.ts";
import { workers } from "./ids/workers.ts";

/** Everything that can be measured, in the order in which it is. */
export const BENCHES: readonly Bench[] = [
  bulkDown,
  bulkUp,
  bulk8,
  cpuPerGb,
  bulk512,
  workers,
  aggregate,
  firstByte,
  accept,
  idle,
  idleFlows,
  stall,
  pathReturn,
  outage,
  natReboot,
  flaps,
  heal,
  failOpen,
  lossy,
  busy,
  many,
  smallNat,
  renumber,
  quota,
];
