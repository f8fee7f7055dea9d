import { z } from "zod";
import { WAN_STATES } from "../wan/supervisor.ts";

/**
 * What a role tells about itself: the one shape that the API serves, the CLI prints and a UI draws.
 *
 * - `down` is towards the users of the LAN, `up` away from them, on the router and on the server alike.
 * - Rates are bits per second over the last second or so; byte counts only grow while the process of the counter lives.
 *   Readers that want another average divide differences of the counts by differences of `uptimeMs`.
 * - Times are ages in milliseconds of a monotonic clock: small boards start in 1970, so no wall clock is compared.
 * - `null` is "not known" or "there is none", never zero in disguise.
 */

const count = z.int().nonnegative();
const ageMs = z.number().nonnegative();
const directions = z.object({ down: z.number().nonnegative(), up: z.number().nonnegative() });

/** Rate in bit/s and cumulative bytes, each in both directions. */
export const trafficSchema = z.object({ rate: directions, bytes: directions });

/** A state and how long it has lasted. */
const stateOf = <const T extends readonly [string, ...string[]]>(names: T) =>
  z.object({ name: z.enum(names), ageMs });

/** One TCP connection of a carrier's MPTCP connection. A plain carrier has exactly one. */
export const subflowSchema = z.object({
  /** `id` of the carrier it belongs to. */
  carrier: count,
  /** `name` of the WAN it leaves by; null on a server, which sees only addresses. */
  wan: z.string().nullable(),
  /** "192.0.2.1:443", "[2001:db8::1]:443" */
  local: z.string(),
  remote: z.string(),
  /** Smoothed round-trip time (tcpi_rtt). */
  rttMs: z.number().nonnegative().nullable(),
  traffic: trafficSchema,
});

/** How far the quota of a WAN is used. */
export const wanQuotaSchema = z.object({
  /** Local day on which its month began, "2026-11-01"; null while the clock is not set. */
  since: z.string().nullable(),
  bytes: directions,
  /** In bytes; null where there is none. */
  limits: z.object({ down: count.nullable(), up: count.nullable(), total: count.nullable() }),
  /** Of the limit that is nearest. */
  perMille: count,
  state: z.enum(["room", "near", "used-up"]),
  /** What happens when it is used up. */
  action: z.enum(["warn", "backup", "off"]),
});

/** An uplink of the router. A server has none. */
export const wanSchema = z.object({
  name: z.string(),
  device: z.string(),
  /** The one it has now: what is used up may have made a backup of it. */
  role: z.enum(["active", "backup", "off"]),
  state: stateOf(WAN_STATES),
  /** Why it is in this state, for people, in words and figures: "no carrier", "667 per mille lost (171 of 256 probes)". */
  reason: z.string(),
  /** As probes to the server find it; null where none was answered. */
  rttMs: z.number().nonnegative().nullable(),
  jitterMs: z.number().nonnegative().nullable(),
  /** Of the latest probes, so many in a thousand were lost. */
  lossPerMille: z.int().nonnegative().nullable(),
  /** At most one per family, as a rule. */
  addresses: z.array(z.string()),
  gateways: z.array(z.string()),
  quota: wanQuotaSchema.nullable(),
  traffic: trafficSchema,
});

/** One connection between router and server. */
export const carrierSchema = z.object({
  id: count,
  /** `peer` of its session. */
  session: z.string(),
  /** What was asked of the kernel: Multipath TCP over all WANs, or plain TCP on one. */
  transport: z.enum(["mptcp", "tcp"]),
  /** Whether it speaks Multipath TCP now: false on plain TCP, and where a middlebox stripped the options. */
  mptcp: z.boolean(),
  /** The WAN that a plain carrier is bound to. */
  wan: z.string().nullable(),
  state: stateOf(["connecting", "ready", "draining"]),
  /** Flows that ride on it now. */
  flows: count,
  /** Bytes that wait in this process for room in the kernel. */
  queuedBytes: count,
  subflows: count,
  ageMs,
  traffic: trafficSchema,
});

/** What a router and a server share across all carriers. */
export const sessionSchema = z.object({
  /** The other side's key fingerprint: stable for as long as it keeps its key. */
  peer: z.string(),
  /** What people call it: an endpoint (on the router), the invitation's label (on the server). */
  label: z.string().nullable(),
  state: stateOf(["connecting", "up", "lost"]),
  /** While it is lost: how long its flows still wait, before they are reset. */
  graceLeftMs: ageMs.nullable(),
  /** Carriers that are ready. */
  carriers: count,
  /** All flows; of these, those that have nothing to say and hold no carrier, and those that move much. */
  flows: count,
  parked: count,
  bulk: count,
});

export const statusSchema = z.object({
  role: z.enum(["router", "server"]),
  version: z.string(),
  /** Of the control process. */
  uptimeMs: ageMs,
  state: stateOf(["starting", "up", "degraded", "down", "stopping"]),
  /** The process that moves the traffic. */
  data: z.object({
    pid: count.nullable(),
    state: stateOf(["starting", "running", "stopped"]),
    /** Times it was started again after an end nobody asked for. */
    restarts: count,
    /** Processes that were replaced and go on with the flows they have. */
    draining: z.array(
      z.object({
        pid: count,
        version: z.string().nullable(),
        flows: count.nullable(),
        ageMs,
        /** After so long its flows are reset. */
        leftMs: ageMs.nullable(),
      }),
    ),
  }),
  /** All that crosses between router and server. */
  traffic: trafficSchema,
  sessions: z.array(sessionSchema),
  wans: z.array(wanSchema),
  carriers: z.array(carrierSchema),
  subflows: z.array(subflowSchema),
  flows: z.object({
    open: count,
    /** Totals since the data process started. */
    opened: count,
    refused: count,
    reset: count,
    /** Times a flow went on elsewhere because its carrier was lost, and carriers that were. */
    moved: count,
    carriersLost: count,
  }),
  memory: z.object({
    /** Resident sets of control and data process. */
    rssBytes: count,
    /** Bytes held for flows: not acknowledged, or not delivered yet. */
    bufferedBytes: count,
    bufferLimitBytes: count,
  }),
  /** What a person should know or do something about; empty when all is well. */
  problems: z.array(z.object({ code: z.string(), message: z.string(), remedy: z.string().nullable() })),
});

export type Traffic = z.infer<typeof trafficSchema>;
export type SubflowStatus = z.infer<typeof subflowSchema>;
export type WanQuota = z.infer<typeof wanQuotaSchema>;
export type WanStatus = z.infer<typeof wanSchema>;
export type CarrierStatus = z.infer<typeof carrierSchema>;
export type SessionStatus = z.infer<typeof sessionSchema>;
export type StatusReport = z.infer<typeof statusSchema>;
