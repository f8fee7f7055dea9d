import { z } from "zod";
import type { ActiveFault } from "./faults/faults.ts";
import type { LabLink } from "./link/lablink.ts";
import type { LabHost } from "./net/host.ts";
import { rangeText } from "./topology/addresses.ts";
import { hostKind, type BothDirections, type Topology } from "./topology/topology.ts";

/** A lab as it is now: what `lab status` shows, and what its socket answers. */
const direction = z.strictObject({
  /** Bit/s; null where nothing slows the link. */
  rate: z.number().nullable(),
  /** Milliseconds. */
  delay: z.number(),
  jitter: z.number(),
  /** Per mille. */
  loss: z.number(),
  /** Bytes. */
  queue: z.number(),
  open: z.boolean(),
  carrier: z.boolean(),
  counters: z.strictObject({
    offered: z.number(),
    delivered: z.number(),
    bytes: z.number(),
    lost: z.number(),
    overflowed: z.number(),
    cut: z.number(),
    held: z.number(),
    backlog: z.number(),
  }),
});

export const labStatus = z.strictObject({
  name: z.string(),
  topology: z.string(),
  about: z.string(),
  pid: z.int(),
  hosts: z.array(
    z.strictObject({
      name: z.string(),
      kind: z.enum(["host", "router", "nat"]),
      netns: z.string(),
      interfaces: z.record(z.string(), z.array(z.string())),
      /** Of NAT boxes only. */
      nat: z.strictObject({ entries: z.int(), maxEntries: z.int().nullable() }).nullable(),
    }),
  ),
  links: z.array(
    z.strictObject({
      name: z.string(),
      ends: z.tuple([z.string(), z.string()]),
      emulated: z.boolean(),
      /** From the first end to the second. */
      up: direction,
      down: direction,
    }),
  ),
  faults: z.array(z.strictObject({ fault: z.string(), target: z.string(), value: z.string().nullable() })),
});

export type LabStatus = z.output<typeof labStatus>;
type DirectionStatus = z.output<typeof direction>;
type HostStatus = LabStatus["hosts"][number];
type LinkStatus = LabStatus["links"][number];

/** What a lab is made of. */
export interface LabParts {
  readonly name: string;
  readonly topology: Topology;
  readonly hosts: ReadonlyMap<string, LabHost>;
  readonly links: ReadonlyMap<string, LabLink>;
  readonly faults: readonly ActiveFault[];
}

export async function statusOf(lab: LabParts): Promise<LabStatus> {
  return {
    name: lab.name,
    topology: lab.topology.name,
    about: lab.topology.about,
    pid: process.pid,
    hosts: [...lab.hosts.values()].map(hostStatus),
    links: await Promise.all([...lab.links.values()].map(linkStatus)),
    faults: lab.faults.map(({ fault, target, value }) => ({ fault, target, value: value ?? null })),
  };
}

function hostStatus(host: LabHost): HostStatus {
  const { interfaces, nat } = host.spec;
  return {
    name: host.name,
    kind: hostKind(host.spec),
    netns: host.netns,
    interfaces: mapValues(interfaces, (ranges) => ranges.map(rangeText)),
    nat: nat === undefined ? null : { entries: host.natEntries(), maxEntries: nat.maxEntries ?? null },
  };
}

async function linkStatus(link: LabLink): Promise<LinkStatus> {
  const { state, spec } = link;
  const counters = await link.counters();
  const one = (direction: keyof BothDirections<unknown>): DirectionStatus => {
    const { rate, ...rest } = state[direction];
    return { ...rest, rate: rate === Infinity ? null : rate, counters: counters[direction] };
  };
  const [a, b] = spec.ends;
  const ends: LinkStatus["ends"] = [`${a.host}:${a.device}`, `${b.host}:${b.device}`];
  return { name: link.name, ends, emulated: link.emulated, up: one("up"), down: one("down") };
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, fn: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, fn(value)]));
}
