import { fileURLToPath } from "node:url";
import { loadTopology, type Topology } from "../src/lab/topology/topology.ts";

/** Where contestants are measured: a topology, and what in it is what. The router's LAN is the device `lan` everywhere. */
export interface Site {
  readonly topology: Topology;
  /** The router's devices that are to be used as WANs, the best first. */
  readonly wans: readonly string[];
  /** The host on which the users of the LAN are. */
  readonly client: string;
}

/** The lab's `dual`: 100 Mbit/s with a round trip of 16 ms, and 50 with 50 ms. */
export async function dual(): Promise<Site> {
  return { topology: await loadTopology("dual"), wans: ["wan1", "wan2"], client: "user" };
}

/** The lab's `dhcp`: like `dual`, but that the WANs' modems give out the addresses. */
export async function dhcp(): Promise<Site> {
  return { topology: await loadTopology("dhcp"), wans: ["wan1", "wan2"], client: "user" };
}

/** `dual` with plain cables in the place of its emulated links: as fast as the machine, with both NATs in the way. */
export async function unshaped(): Promise<Site> {
  const { topology, ...site } = await dual();
  const links = Object.entries(topology.links).map(([name, { ends }]) => [name, { ends }] as const);
  return { ...site, topology: { ...topology, name: "unshaped", links: Object.fromEntries(links) } };
}

/** The lab's `cascade`: users behind a NAT router, fibre (100/40 Mbit/s, 16 ms) and LTE (50/20, 50 ms) with NATs. */
export async function cascade(): Promise<Site> {
  return { topology: await loadTopology("cascade"), wans: ["fibre", "lte"], client: "users" };
}

/** `cascade` with boxes of the cheapest kind at both WANs: they hold as many connections, and refuse all others. */
export async function cascadeOfSmallNats(maxEntries: number): Promise<Site> {
  const { topology, ...site } = await cascade();
  const hosts = { ...topology.hosts };
  for (const [name, host] of Object.entries(hosts)) {
    if (name.startsWith("cpe-") && host.nat !== undefined)
      hosts[name] = { ...host, nat: { ...host.nat, maxEntries } };
  }
  return { ...site, topology: { ...topology, name: "small-nats", hosts } };
}

/** Four WANs with a NAT each, all on plain cables: for what is measured at rest. */
export async function quad(): Promise<Site> {
  const path = fileURLToPath(new URL("./topologies/quad.yaml", import.meta.url));
  return { topology: await loadTopology(path), wans: ["wan1", "wan2", "wan3", "wan4"], client: "user" };
}
