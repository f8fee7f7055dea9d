import type {
  CarrierStatus,
  SessionStatus,
  StatusReport,
  SubflowStatus,
  Traffic,
  WanStatus,
} from "../api/status.ts";
import { formatBytes, formatRate } from "../base/units.ts";
import { formatAge, paint, table, type Align } from "./output.ts";

const TRAFFIC = ["down", "up", "total down", "total up"];
const WANS = ["WAN", "device", "role", "state", "address", ...TRAFFIC, "why"];
const QUOTAS = ["quota of", "since", "down", "up", "of", "used", "state", "then"];
const CARRIERS = ["carrier", "transport", "state", "flows", "queued", "subflows", ...TRAFFIC];
const SUBFLOWS = ["subflow of", "WAN", "local", "remote", "RTT", ...TRAFFIC];
const NUMBERS = new Set(["flows", "down", "up", "used", "queued", "subflows", "RTT", ...TRAFFIC]);

/** A status as a person reads it: the whole first, then a table for each kind of part. */
export function renderStatus(report: StatusReport): string[] {
  return [
    ...summary(report),
    ...section(WANS, report.wans.map(wanRow)),
    ...section(QUOTAS, report.wans.flatMap(quotaRow)),
    ...section(CARRIERS, report.carriers.map(carrierRow)),
    ...section(SUBFLOWS, report.subflows.map(subflowRow)),
    ...problems(report),
  ];
}

function section(head: readonly string[], rows: readonly string[][]): string[] {
  if (rows.length === 0) return [];
  const align = head.map((name): Align => (NUMBERS.has(name) ? "right" : "left"));
  const dimmed = head.map((name) => paint("dim", name));
  return ["", ...table(dimmed, rows, align)];
}

function problems(report: StatusReport): string[] {
  if (report.problems.length === 0) return [];
  const lines = report.problems.flatMap(({ code, message, remedy }) => [
    `${paint("yellow", code)}: ${message}`,
    ...(remedy === null ? [] : [`  -> ${remedy}`]),
  ]);
  return ["", ...lines];
}

function summary({ role, version, state, data, sessions, flows, memory, traffic }: StatusReport): string[] {
  const pid = data.pid === null ? "" : ` (pid ${data.pid})`;
  const restarts = data.restarts === 0 ? "" : `, restarted ${counted(data.restarts, "time")}`;
  const rows = [
    ["state", `${coloured(state.name)} for ${formatAge(state.ageMs)}`],
    ["data", `${coloured(data.state.name)} for ${formatAge(data.state.ageMs)}${pid}${restarts}`],
    ...data.draining.map((one) => ["draining", drainingText(one)]),
    ...sessions.map((session) => ["session", sessionText(session)]),
    ["rate", `down ${formatRate(traffic.rate.down)}, up ${formatRate(traffic.rate.up)}`],
    [
      "flows",
      `${flows.open} open; ${flows.opened} opened, ${flows.refused} refused, ${flows.reset} reset, ${flows.moved} moved, ${counted(flows.carriersLost, "carrier")} lost so far`,
    ],
    [
      "memory",
      `${formatBytes(memory.rssBytes)}; buffers ${formatBytes(memory.bufferedBytes)} of ${formatBytes(memory.bufferLimitBytes)}`,
    ],
  ];
  return table([paint("bold", role), paint("dim", version)], rows);
}

function drainingText({ pid, version, flows, leftMs }: StatusReport["data"]["draining"][number]): string {
  const of = version === null ? "" : ` of version ${version}`;
  const left = leftMs === null ? "" : `, for ${formatAge(leftMs)} at most`;
  return `pid ${pid}${of}, ${flows === null ? "flows unknown" : counted(flows, "flow")}${left}`;
}

function sessionText({
  peer,
  label,
  state,
  graceLeftMs,
  carriers,
  flows,
  parked,
  bulk,
}: SessionStatus): string {
  const wait = graceLeftMs === null ? "" : ` (flows wait ${formatAge(graceLeftMs)} more)`;
  const kinds = flows === 0 ? "" : ` (${parked} parked, ${bulk} bulk)`;
  const lasting = `${coloured(state.name)} for ${formatAge(state.ageMs)}${wait}`;
  return `${label ?? peer} ${lasting}, ${counted(carriers, "carrier")}, ${counted(flows, "flow")}${kinds}`;
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

const GOOD = new Set(["up", "busy", "running", "ready"]);
const BAD = new Set(["down", "stopped", "lost", "absent", "no-carrier", "no-address", "no-gateway"]);

function coloured(state: string): string {
  if (GOOD.has(state)) return paint("green", state);
  return BAD.has(state) ? paint("red", state) : paint("yellow", state);
}

function wanRow({ name, device, role, state, reason, addresses, traffic }: WanStatus): string[] {
  return [
    name,
    device,
    role,
    `${coloured(state.name)} ${formatAge(state.ageMs)}`,
    addresses.join(" ") || "-",
    ...trafficCells(traffic),
    reason,
  ];
}

function quotaRow({ name, quota }: WanStatus): string[][] {
  if (quota === null) return [];
  const { since, bytes, limits, perMille, state, action } = quota;
  const all = { received: limits.down, sent: limits.up, "in all": limits.total };
  const of = Object.entries(all).flatMap(([what, limit]) =>
    limit === null ? [] : `${formatBytes(limit)} ${what}`,
  );
  return [
    [
      name,
      since ?? "-",
      formatBytes(bytes.down),
      formatBytes(bytes.up),
      of.join(", "),
      `${(perMille / 10).toFixed(1)} %`,
      state === "room" ? paint("green", state) : paint("yellow", state),
      action,
    ],
  ];
}

function carrierRow(carrier: CarrierStatus): string[] {
  const { id, transport, mptcp, wan, state, flows, queuedBytes, subflows, traffic } = carrier;
  // What was asked for and what became of it, where a middlebox took the options away.
  const kind = transport === "mptcp" && !mptcp ? "mptcp, stripped" : transport;
  return [
    String(id),
    wan === null ? kind : `${kind} on ${wan}`,
    `${coloured(state.name)} ${formatAge(state.ageMs)}`,
    String(flows),
    formatBytes(queuedBytes),
    String(subflows),
    ...trafficCells(traffic),
  ];
}

function subflowRow({ carrier, wan, local, remote, rttMs, traffic }: SubflowStatus): string[] {
  const rtt = rttMs === null ? "-" : `${rttMs.toFixed(1)} ms`;
  const where = wan ?? "-";
  return [String(carrier), where, local, remote, rtt, ...trafficCells(traffic)];
}

function trafficCells({ rate, bytes }: Traffic): string[] {
  return [formatRate(rate.down), formatRate(rate.up), formatBytes(bytes.down), formatBytes(bytes.up)];
}
