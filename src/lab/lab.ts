import { Closer } from "../base/closer.ts";
import { SennitError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { listed } from "../config/problems.ts";
import { exec, type Exec } from "../linux/exec.ts";
import { addNamespaces } from "../linux/namespaces.ts";
import { start, type Child, type StartOptions } from "../linux/process.ts";
import { claim, collectLeftovers } from "./claim.ts";
import { Faults, type ActiveFault } from "./faults/faults.ts";
import type { FaultName } from "./faults/kinds.ts";
import { Emulator } from "./link/emulator.ts";
import { LabLink } from "./link/lablink.ts";
import { Cable, type CableEnd } from "./net/cable.ts";
import { LabHost } from "./net/host.ts";
import { cableLine } from "./net/render.ts";
import { profileOf, profilePaths } from "./profiles.ts";
import { startServices } from "./services/services.ts";
import { statusOf, type LabStatus } from "./status.ts";
import { loadTopology, type Topology } from "./topology/topology.ts";

export interface LabOptions {
  /** What it is called; the topology's name unless told. */
  readonly name?: string;
  /** The same seed gives the same losses and jitter; the name unless told. */
  readonly seed?: string;
  /** What its WANs are, instead of what the topology says. */
  readonly profile?: string | undefined;
  /** Files to remove when the lab ends, however it ends. */
  readonly files?: readonly string[];
  readonly log?: Log;
}

/**
 * The internet in a box: every host a network namespace, every link a pair of devices, NATs and faults included.
 * Whatever ends this process, `kill -9` too, leaves nothing of it behind.
 */
export class Lab {
  readonly name: string;
  readonly topology: Topology;
  readonly hosts: ReadonlyMap<string, LabHost>;
  readonly links: ReadonlyMap<string, LabLink>;
  /** Rejects when the lab breaks while it is up. */
  readonly broken: Promise<never>;
  readonly #faults: Faults;
  readonly #closer: Closer;

  /**
   * Builds a topology: built in, from a file, or read before. Wants root. Throws `lab-not-root`, what loadTopology()
   * throws, and what the kernel refuses; then nothing is left.
   */
  static async up(source: string | Topology, options: LabOptions = {}): Promise<Lab> {
    const topology = typeof source === "string" ? await loadTopology(source) : source;
    if (options.profile !== undefined) checkProfile(topology, options.profile);
    if (process.geteuid?.() !== 0) {
      throw new SennitError(
        "config",
        "lab-not-root",
        "a lab is made of network namespaces: only root can make it",
      );
    }
    for (const prefix of await collectLeftovers()) {
      options.log?.info({ prefix }, "removed what a killed lab had left");
    }
    const closer = new Closer();
    return closer.unwindOnFailure(() => Lab.#build(topology, options, closer));
  }

  static async #build(topology: Topology, options: LabOptions, closer: Closer): Promise<Lab> {
    const claimed = await claim(options.files ?? []);
    closer.add("namespaces", () => claimed.release());
    const namespace = (host: string): string => `${claimed.prefix}${host}`;
    const hosts = new Map(
      Object.entries(topology.hosts).map(([name, spec]) => [name, new LabHost(name, spec, namespace(name))]),
    );
    const links = new Map(
      Object.entries(topology.links).map(([name, spec]) => [name, new LabLink(name, spec)]),
    );
    await addNamespaces([...hosts.keys()].map(namespace));
    for (const host of hosts.values()) host.prepare();

    const broken = Promise.withResolvers<never>();
    // Nobody has to listen; who does still hears it.
    broken.promise.catch((error: unknown) => options.log?.error({ error }, "the lab is broken"));
    const seed = options.seed ?? options.name ?? topology.name;
    await layCables(hosts, links, namespace);
    const emulator = await emulate(hosts, links, seed, broken.reject);
    closer.add("links", () => emulator.stop());
    for (const host of hosts.values()) closer.add("DHCP server", () => host.dhcp?.stop());
    await Promise.all([...hosts.values()].map((host) => host.configure()));
    for (const host of hosts.values()) {
      for (const child of await startServices(host)) {
        closer.add("service", () => void child.kill("SIGKILL"));
      }
    }
    const lab = new Lab(topology, options.name ?? topology.name, hosts, links, broken.promise, closer);
    if (options.profile !== undefined) await lab.setProfile(options.profile);
    return lab;
  }

  private constructor(
    topology: Topology,
    name: string,
    hosts: ReadonlyMap<string, LabHost>,
    links: ReadonlyMap<string, LabLink>,
    broken: Promise<never>,
    closer: Closer,
  ) {
    this.name = name;
    this.topology = topology;
    this.hosts = hosts;
    this.links = links;
    this.broken = broken;
    this.#faults = new Faults(hosts, links);
    this.#closer = closer;
  }

  /** Path of a host's network namespace, as nsenter and `start` want it. */
  netns(host: string): string {
    return this.host(host).netns;
  }

  /** A runner of programs on a host. */
  exec(host: string): Exec {
    return this.host(host).exec;
  }

  /** Starts a program on a host; it ends with us. To be called on the main thread (see `life` of process.ts). */
  start(
    host: string,
    argv: readonly [string, ...string[]],
    options: Omit<StartOptions, "netns" | "life"> = {},
  ): Promise<Child> {
    return start(argv, { ...options, netns: this.netns(host), life: "tied" });
  }

  host(name: string): LabHost {
    return known(this.hosts, "host", name);
  }

  link(name: string): LabLink {
    return known(this.links, "link", name);
  }

  /** Makes something go wrong: see FAULTS. Values as in a topology file. Throws `lab-bad-fault`, `lab-cable`. */
  fault(fault: FaultName, target: string, value?: string): Promise<void> {
    return this.#faults.apply(fault, target, value);
  }

  /** Takes back all faults, those of one kind, or the one; returns what was healed. */
  heal(fault?: FaultName, target?: string): Promise<readonly ActiveFault[]> {
    return this.#faults.heal(fault, target);
  }

  get faults(): readonly ActiveFault[] {
    return this.#faults.active;
  }

  /**
   * Makes the two WANs of the topology a pair of paths, or without a name what the topology says; faults stay. Throws
   * `lab-bad-profile`, or `lab-no-wans` where the topology names none.
   */
  async setProfile(name?: string): Promise<void> {
    const paths = name === undefined ? [undefined, undefined] : profilePaths(name);
    const wans = wansOf(this.topology).map((wan) => this.link(wan));
    for (const [index, wan] of wans.entries()) await wan.become(paths[index]);
  }

  /** The profile that the WANs are as now, faults aside. */
  get profile(): string | undefined {
    const [a, b] = (this.topology.wans ?? []).map((wan) => this.link(wan).settings);
    return a === undefined || b === undefined ? undefined : profileOf(a, b);
  }

  status(): Promise<LabStatus> {
    return statusOf(this);
  }

  /** Kills every program in the lab and removes all of it. Calling it again is harmless. */
  down(): Promise<void> {
    return this.#closer.close();
  }
}

/** Before anything is built. */
function checkProfile(topology: Topology, name: string): void {
  wansOf(topology);
  profilePaths(name);
}

function wansOf({ name, wans }: Topology): readonly string[] {
  if (wans !== undefined) return wans;
  throw new SennitError(
    "config",
    "lab-no-wans",
    `the topology ${name} does not say which links are its WANs`,
    {
      remedy: "add a line such as `wans: [fibre, lte]` to it",
    },
  );
}

/** The plain cables, with one run of `ip`. */
async function layCables(
  hosts: ReadonlyMap<string, LabHost>,
  links: ReadonlyMap<string, LabLink>,
  namespace: (host: string) => string,
): Promise<void> {
  const cables = [...links.values()].filter(({ emulated }) => !emulated);
  const end = ({ host, device }: { host: string; device: string }): CableEnd => ({
    host: known(hosts, "host", host),
    device,
  });
  for (const link of cables) link.connect(new Cable(end(link.spec.ends[0]), end(link.spec.ends[1])));
  await exec(["ip", "-batch", "-"], { input: cables.map(({ spec }) => cableLine(spec, namespace)).join("") });
}

/** The emulated links, all in one loop. */
async function emulate(
  hosts: ReadonlyMap<string, LabHost>,
  links: ReadonlyMap<string, LabLink>,
  seed: string,
  onFailure: (error: unknown) => void,
): Promise<Emulator> {
  const emulated = [...links.values()].filter((link) => link.emulated);
  const end = ({ host, device }: { host: string; device: string }) => ({
    netns: known(hosts, "host", host).netns,
    device,
  });
  const emulator = await Emulator.start(
    emulated.map(({ name, spec: { ends }, state }) => ({
      name,
      ends: [end(ends[0]), end(ends[1])],
      ...state,
    })),
    { seed, onFailure },
  );
  for (const [index, link] of emulated.entries()) {
    link.connect({
      apply: ({ up, down }) => emulator.set(index, up, down),
      counters: () => Promise.resolve(emulator.counters(index)),
    });
  }
  return emulator;
}

function known<T>(all: ReadonlyMap<string, T>, what: string, name: string): T {
  const found = all.get(name);
  if (found !== undefined) return found;
  throw new SennitError(
    "config",
    `lab-no-${what}`,
    `no ${what} "${name}"; there is ${listed([...all.keys()], "and")}`,
  );
}
