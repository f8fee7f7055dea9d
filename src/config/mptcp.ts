import { z } from "zod";
import { parseDuration } from "../base/units.ts";
import { DAY_MS, quantity } from "./fields.ts";

/** As kernels name schedulers and congestion controls (MPTCP_SCHED_NAME_MAX, TCP_CA_NAME_MAX: 16 with the closing zero). */
const algorithm = (samples: string[]) =>
  z
    .string()
    .regex(/^[a-z][a-z0-9_-]{0,14}$/)
    .meta({ allowed: `a name that this kernel knows, such as "${samples[0]}"`, samples });

/** How the kernel does Multipath TCP. Whether this kernel can do it is looked at when it is set. */
export const mptcp = z
  .strictObject({
    scheduler: algorithm(["default"])
      .optional()
      .describe(
        "Who chooses the subflow of each packet (`net.mptcp.scheduler`, Linux 6.6); without it, left as it is",
      ),
    congestionControl: algorithm(["bbr", "cubic"])
      .optional()
      .describe("How fast a subflow may send (`net.ipv4.tcp_congestion_control`); without it, left as it is"),
    checksum: z
      .boolean()
      .default(false)
      .describe("Find bytes that a box on the way has rewritten, at the price of reading each once more"),
    staleLossCount: z
      .int()
      .min(1)
      .max(1000)
      .default(2)
      .describe("Timeouts in a row after which a subflow is not used any more (`net.mptcp.stale_loss_cnt`)"),
    /** In milliseconds. */
    blackholeTimeout: quantity(parseDuration, {
      min: 0,
      max: DAY_MS,
      allowed: 'a duration of at most "1 d", such as "1 h"; "0 s" is never',
      samples: ["0 s", "1 h"],
    })
      .prefault("0 s")
      .describe("How long the kernel turns Multipath TCP off after a SYN of it was dropped (Linux 6.12)"),
  })
  .prefault({})
  .describe("How the kernel does Multipath TCP");
