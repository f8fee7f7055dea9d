import { formatBytes, formatRate } from "../base/units.ts";
import type { LabStatus } from "../lab/status.ts";
import { paint, table, type Align } from "./output.ts";

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
  "besides",
];
const HOSTS = ["host", "kind", "NAT entries", "addresses", "NAT"];
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
    ...(lab.profile === null ? [] : [`profile: ${lab.profile}`]),
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
  return [name, kind, nat === null ? "" : `${nat.entries}${limit}`, addresses.join(", "), natText(nat)];
}

function natText(nat: LabStatus["hosts"][number]["nat"]): string {
  if (nat === null || nat.kind === null) return "";
  const { mapping, filtering, ports, hairpin } = nat.kind;
  return `${mapping} mapping, ${filtering} filtering, ports ${ports}${hairpin ? ", hairpin" : ""}`;
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
    String(dropped(direction)),
    besides(direction),
  ];
  return [row(first, second, up), row(second, first, down)];
}

function settings({ rate, trace, delay, jitter, loss, queue, limit, counters }: Direction): string[] {
  const room = [queue === null ? [] : formatBytes(queue), limit === null ? [] : `${limit} packets`].flat();
  return [
    trace === null ? (rate === null ? "" : formatRate(rate)) : "trace",
    jitter === 0 ? `${delay} ms` : `${delay}±${jitter} ms`,
    loss === 0 ? "" : percent(loss),
    rate === null ? "" : room.join(", "),
    rate === null ? "" : formatBytes(counters.backlog),
  ];
}

const dropped = ({ counters: { lost, overflowed, filtered, cut } }: Direction): number =>
  lost + overflowed + filtered + cut;

const percent = (perMille: number): string => `${Number((perMille / 10).toPrecision(3))} %`;

/** What most links have nothing of. */
function besides(direction: Direction): string {
  const { trace, burstLoss, reorder, mtuBlackhole, blockUdp, blockMpJoin } = direction;
  const words = [
    trace === null ? [] : `rate of ${trace}`,
    burstLoss === null ? [] : burstText(burstLoss),
    reorder === null ? [] : `${percent(reorder.share)} held back by ${reorder.by} ms`,
    mtuBlackhole === null ? [] : `above ${mtuBlackhole} bytes vanish`,
    blockUdp ? "no UDP" : [],
    blockMpJoin ? "no MP_JOIN" : [],
  ];
  return words.flat().join(", ");
}

function burstText({ enter, leave, bad, good }: NonNullable<Direction["burstLoss"]>): string {
  return `gemodel ${[enter, leave, bad, good].map(percent).join(" ")}`;
}

function stateOf({ carrier, open }: Direction): string {
  if (!carrier) return paint("red", "down");
  return open ? paint("green", "up") : paint("red", "black hole");
}

function faultLine({ fault, target, value }: LabStatus["faults"][number]): string {
  return paint("yellow", `fault: ${[fault, target, value].join(" ").trim()}`);
}
