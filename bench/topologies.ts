import { loadTopology, type Topology } from "../src/lab/topology/topology.ts";

/** `dual` with plain cables in the place of its emulated links: as fast as the machine, with both NATs in the way. */
export async function unshaped(): Promise<Topology> {
  const dual = await loadTopology("dual");
  const links = Object.entries(dual.links).map(([name, { ends }]) => [name, { ends }] as const);
  return { ...dual, name: "unshaped", links: Object.fromEntries(links) };
}
