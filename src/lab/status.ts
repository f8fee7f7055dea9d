import { z } from "zod";
import type { ActiveFault } from "./faults/faults.ts";
import type { LabLink } from "./link/lablink.ts";
import type { LabHost } from "./net/host.ts";
import { natKind } from "./topology/natschema.ts";
import { rangeText } from "./topology/addresses.ts";
import { type BothDirections } from "./topology/linksettings.ts";
import { hostKind, type Topology } from "./topology/topology.ts";

/** A lab as it is now: what `lab status` shows, and what its socket answers. */
const direction = z.strictObject({
  /** Bit/s, the highest of a trace; null where nothing slows the link. */
  rate: z.number().nullable(),
  /** The file that the rate follows. */
  trace: z.string().nullable(),
  /** Milliseconds. */
  delay: z.number(),
  jitter: z.number(),
  /** Per mille. */
  loss: z.number(),
  /** Gilbert-Elliott: chances per packet to change the state, and to be lost in each; per mille. */
  burstLoss: z
    .strictObject({ enter: z.number(), leave: z.number(), bad: z.number(), good: z.number() })
    .nullable(),
  /** Per mille held back, and by how many milliseconds. */
  reorder: z.strictObject({ share: z.number(), by: z.number() }).nullable(),
  /** IP packets of more bytes vanish. */
  mtuBlackhole: z.number().nullable(),
  blockUdp: z.boolean(),
  blockMpJoin: z.boolean(),
  /** Bytes; null where only the number of packets is limited. */
  queue: z.number().nullable(),
  /** Packets. */
  limit: z.number().nullable(),
  open: z.boolean(),
  carrier: z.boolean(),
  counters: z.strictObject({
    offered: z.number(),
    delivered: z.number(),
    bytes: z.number(),
    lost: z.number(),
    overflowed: z.number(),
    filtered: z.number(),
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
  /** The profile that its WANs are as, faults aside. */
  profile: z.string().nullable(),
  hosts: z.array(
    z.strictObject({
      name: z.string(),
      kind: z.enum(["host", "router", "nat"]),
      netns: z.string(),
      interfaces: z.record(z.string(), z.array(z.string())),
      /** Of NAT boxes only. */
      nat: z
        .strictObject({
          entries: z.int(),
          maxEntries: z.int().nullable(),
          /** Null: as Linux does it. */
          kind: natKind.nullable(),
        })
        .nullable(),
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
  readonly profile: string | undefined;
}

export async function statusOf(lab: LabParts): Promise<LabStatus> {
  return {
    name: lab.name,
    topology: lab.topology.name,
    about: lab.topology.about,
    pid: process.pid,
    profile: lab.profile ?? null,
    hosts: [...lab.hosts.values()].map(hostStatus),
    links: await Promise.all([...lab.links.values()].map(linkStatus)),
    faults: lab.faults.map(({ fault, target, value }) => ({ fault, target, value: value ?? null })),
  };
}

function hostStatus(host: LabHost): HostStatus {
  const { nat, spec } = host;
  return {
    name: host.name,
    kind: hostKind(spec),
    netns: host.netns,
    interfaces: mapValues(spec.interfaces, (ranges) => ranges.map(rangeText)),
    nat:
      nat === undefined
        ? null
        : { entries: nat.entries, maxEntries: nat.spec.maxEntries ?? null, kind: nat.kind ?? null },
  };
}

async function linkStatus(link: LabLink): Promise<LinkStatus> {
  const { state, spec } = link;
  const counters = await link.counters();
  const one = (direction: keyof BothDirections<unknown>): DirectionStatus => {
    const { rate, trace, burstLoss, reorder, mtuBlackhole, queue, limit, ...rest } = state[direction];
    return {
      ...rest,
      rate: finite(rate),
      trace: trace?.name ?? null,
      burstLoss: burstLoss ?? null,
      reorder: reorder ?? null,
      mtuBlackhole: finite(mtuBlackhole),
      queue: finite(queue),
      limit: finite(limit),
      counters: counters[direction],
    };
  };
  const [a, b] = spec.ends;
  const ends: LinkStatus["ends"] = [`${a.host}:${a.device}`, `${b.host}:${b.device}`];
  return { name: link.name, ends, emulated: link.emulated, up: one("up"), down: one("down") };
}

/** JSON knows no Infinity. */
const finite = (value: number): number | null => (value === Infinity ? null : value);

function mapValues<T, U>(record: Readonly<Record<string, T>>, fn: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, fn(value)]));
}
