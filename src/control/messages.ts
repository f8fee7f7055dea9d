import { z } from "zod";

/**
 * What control and data process say to each other over their Unix socket, one JSON value per line. Control speaks
 * first on every connection; `report` answers `report?`, the rest are events. The two may be of different versions while
 * one is replaced: what a newer one says beyond this is left aside, and "hello", "retire", "drain" and "stop" stay as they are.
 */

const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`));
const endpoint = z.strictObject({ host: z.string(), port: z.int() });
const ports = z.strictObject({ v4: z.int(), v6: z.int() });
const target = z.strictObject({ address: z.string(), port: z.int() });

export const routerOrders = z.object({
  role: z.literal("router"),
  privateKey: z.string(),
  pin: hex(32),
  invite: z.strictObject({ id: hex(8), secret: hex(24) }),
  endpoints: z.array(endpoint),
  ways: z.array(
    z.strictObject({
      name: z.string(),
      localAddress: z.string(),
      backup: z.boolean(),
      device: z.string().optional(),
    }),
  ),
  /** Carriers that are kept, and the most there may be while bulk flows want their own. */
  carriers: z.int(),
  maxCarriers: z.int(),
  /** How long flows outlive the last carrier (ms). */
  graceMs: z.number(),
  /** Threads that the work is divided over. */
  workers: z.int().min(1),
  /** Where to listen for intercepted connections; null lets the kernel choose. */
  ports: ports.nullable(),
});
export type RouterOrders = z.output<typeof routerOrders>;

export const serverOrders = z.object({
  role: z.literal("server"),
  key: z.string(),
  certificate: z.string(),
  listen: z.array(z.strictObject({ address: z.string(), port: z.int() })),
  allowPrivate: z.array(z.string()),
  /** How long flows outlive the last carrier (ms), and what sessions without carriers may hold together (bytes). */
  graceMs: z.number(),
  graceBytes: z.number(),
  /** Threads that the work is divided over. */
  workers: z.int().min(1),
  routers: z.array(z.strictObject({ id: hex(32), name: z.string() })),
  invites: z.array(
    z.strictObject({ id: hex(8), secretHash: hex(32), expires: z.number(), name: z.string() }),
  ),
});
export type ServerOrders = z.output<typeof serverOrders>;

/** What control says. */
export const orderMessage = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("configure"),
    orders: z.discriminatedUnion("role", [routerOrders, serverOrders]),
  }),
  z.strictObject({ type: z.literal("report?") }),
  /** Another process is to take its place: it goes on as before, and says so to whoever asks. */
  z.object({ type: z.literal("retire") }),
  /** Takes nothing new in, goes on with the flows it has, and ends with the last of them, or after so long. */
  z.object({ type: z.literal("drain"), limitMs: z.number() }),
  z.strictObject({ type: z.literal("stop") }),
]);
export type OrderMessage = z.output<typeof orderMessage>;
export type Orders = RouterOrders | ServerOrders;

const traffic = { bytesIn: z.number(), bytesOut: z.number() };

const subflowReport = z.object({
  local: z.string(),
  /** Address of `local` alone: by it the router knows the WAN. */
  localAddress: z.string(),
  remote: z.string(),
  rttMs: z.number().nullable(),
  established: z.boolean(),
  /** Since anything was heard on it, and for how long a segment has waited for an answer (0: none does). */
  silentMs: z.number(),
  unansweredMs: z.number(),
  ...traffic,
});

const carrierReport = z.object({
  number: z.int(),
  transport: z.enum(["mptcp", "tcp"]),
  mptcp: z.boolean(),
  /** On a router: the way it began on, and with plain TCP the only one. */
  way: z.string().nullable(),
  draining: z.boolean(),
  flows: z.int(),
  queuedBytes: z.number(),
  ageMs: z.number(),
  ...traffic,
  subflows: z.array(subflowReport),
});
export type CarrierReport = z.output<typeof carrierReport>;

const sessionReport = z.object({
  id: z.string(),
  peer: z.string(),
  label: z.string(),
  ageMs: z.number(),
  /** Whether it ever had a carrier; how long it has had none now, and how long its flows still wait (both null: it has one). */
  wasUp: z.boolean(),
  outageMs: z.number().nullable(),
  graceLeftMs: z.number().nullable(),
  /** All of them; those that have nothing to say and hold no carrier; those that have much to say. */
  flows: z.int(),
  parked: z.int(),
  bulk: z.int(),
  /** The other end's data process is being replaced: what is new belongs to another session. */
  peerLeaves: z.boolean(),
  carriers: z.array(carrierReport),
});

const unusedWay = z.object({
  way: z.string(),
  localAddress: z.string(),
  /** How many carriers lack it, of how many. */
  lacking: z.int(),
  carriers: z.int(),
  repairs: z.int(),
});
export type UnusedWay = z.output<typeof unusedWay>;

const health = z.enum(["up", "suspect", "dead", "unknown"]);

const wayHealth = z.object({
  way: z.string(),
  /** By what is acknowledged and by probes together. */
  health,
  /** By each of these alone. */
  tcp: health.default("unknown"),
  probes: health.default("unknown"),
  /** Since anything was heard over it (ms); null before. */
  heardMs: z.number().nullable().default(null),
  /** Probes in a row without an answer so far. */
  unanswered: z.int().default(0),
  /** Of the latest probes, those of which it is known what became of them, and those that were lost. */
  loss: z.object({ probes: z.int(), lost: z.int() }).default({ probes: 0, lost: 0 }),
  rttMs: z.number().nullable().default(null),
  jitterMs: z.number().nullable().default(null),
});
export type WayReport = z.output<typeof wayHealth>;

const enrolment = z.object({ router: z.object({ id: hex(32), name: z.string() }), invite: hex(8) });

export const dataReport = z.object({
  pid: z.int(),
  rssBytes: z.number(),
  heldBytes: z.number(),
  limitBytes: z.number(),
  sessions: z.array(sessionReport),
  counts: z.object({
    opened: z.int(),
    refused: z.int(),
    reset: z.int(),
    /** Times a flow went on elsewhere because its carrier was lost, and carriers that were. */
    moved: z.int(),
    carriersLost: z.int(),
  }),
  /** All carriers there ever were, so that it only grows. */
  ...traffic,
  /** On a router: where connections are taken in; null while they are not. */
  intercepting: ports.nullable(),
  /** On a server: routers that came in by invitation and are not in the orders yet. */
  enrolments: z.array(enrolment),
  /** On a router: ways that carriers lack though they try. */
  unused: z.array(unusedWay),
  /** On a router: how its ways fare. */
  ways: z.array(wayHealth),
  /** Why there is no carrier, where there is none. */
  trouble: z.string().nullable(),
});
export type DataReport = z.output<typeof dataReport>;

/** What the data process says. */
export const dataMessage = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("hello"),
    version: z.string(),
    role: z.enum(["router", "server"]),
    pid: z.int(),
    /** `new`: has carried out no orders yet. `retired`: serves until another takes its place. */
    phase: z.enum(["new", "serving", "retired", "draining"]),
    ageMs: z.number(),
    /** While it drains: how long it may go on. */
    drainLeftMs: z.number().nullable(),
  }),
  /** Orders were carried out, or why they were not. */
  z.strictObject({ type: z.literal("configured"), error: z.string().nullable() }),
  z.strictObject({ type: z.literal("report"), report: dataReport }),
  /** It drains, and nothing new comes in any more. */
  z.strictObject({ type: z.literal("closed") }),
  /** Something control acts on at once changed: ask for a report. */
  z.strictObject({ type: z.literal("changed") }),
  /** A target said no: the next client is to hear it from the kernel. */
  z.strictObject({ type: z.literal("refused"), target, unreachable: z.boolean() }),
]);
export type DataMessage = z.output<typeof dataMessage>;
export type DataHello = Extract<DataMessage, { readonly type: "hello" }>;
