import { formatRate } from "../base/units.ts";
import type { LabStatus } from "../lab/status.ts";
import { formatBytes, paint, table, type Align } from "./output.ts";

type Direction = LabStatus["links"][number]["up"];

const LINKS = [
  "link",
  "from",
  "to",
  "state",
  "rate",
  "delay",
  "loss",
  "queue",
  "waiting",
  "frames",
  "bytes",
  "dropped",
];
const HOSTS = ["host", "kind", "NAT entries", "addresses"];
const NUMBERS = new Set([
  "rate",
  "delay",
  "loss",
  "queue",
  "waiting",
  "frames",
  "bytes",
  "dropped",
  "NAT entries",
]);

/** A lab as a person reads it: hosts, both directions of every link, and what is wrong. */
export function renderLab(lab: LabStatus): string[] {
  return [
    `${paint("bold", lab.name)} (${lab.topology}, pid ${lab.pid}): ${lab.about}`,
    ...section(HOSTS, lab.hosts.map(hostRow)),
    ...section(LINKS, lab.links.flatMap(linkRows)),
    "",
    ...(lab.faults.length === 0 ? ["no faults"] : lab.faults.map(faultLine)),
  ];
}

function section(head: readonly string[], rows: readonly string[][]): string[] {
  const align = head.map((name): Align => (NUMBERS.has(name) ? "right" : "left"));
  const dimmed = head.map((name) => paint("dim", name));
  return ["", ...table(dimmed, rows, align)];
}

function hostRow({ name, kind, nat, interfaces }: LabStatus["hosts"][number]): string[] {
  const limit = nat?.maxEntries == null ? "" : ` of ${nat.maxEntries}`;
  const addresses = Object.entries(interfaces).map(([device, list]) => `${device} ${list.join(" ")}`);
  return [name, kind, nat === null ? "" : `${nat.entries}${limit}`, addresses.join(", ")];
}

function linkRows({ name, ends, emulated, up, down }: LabStatus["links"][number]): string[][] {
  const [first, second] = ends;
  const row = (from: string, to: string, direction: Direction): string[] => [
    name,
    from,
    to,
    stateOf(direction),
    ...(emulated ? settings(direction) : ["cable", "", "", "", ""]),
    String(direction.counters.delivered),
    formatBytes(direction.counters.bytes),
    String(direction.counters.lost + direction.counters.overflowed + direction.counters.cut),
  ];
  return [row(first, second, up), row(second, first, down)];
}

function settings({ rate, delay, jitter, loss, queue, counters }: Direction): string[] {
  return [
    rate === null ? "" : formatRate(rate),
    jitter === 0 ? `${delay} ms` : `${delay}±${jitter} ms`,
    loss === 0 ? "" : `${loss / 10} %`,
    rate === null ? "" : formatBytes(queue),
    rate === null ? "" : formatBytes(counters.backlog),
  ];
}

function stateOf({ carrier, open }: Direction): string {
  if (!carrier) return paint("red", "down");
  return open ? paint("green", "up") : paint("red", "black hole");
}

function faultLine({ fault, target, value }: LabStatus["faults"][number]): string {
  return paint("yellow", `fault: ${[fault, target, value].join(" ").trim()}`);
}
