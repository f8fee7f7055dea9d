import type { Lab } from "../../src/lab/lab.ts";
import { contains } from "../../src/lab/topology/addresses.ts";

/** Subflows that a connection may have beside its first, and addresses it takes from the other end: the most there can be. */
const LIMIT = "8";
/** Routing tables of the WANs, one after the other; any that are free. */
const FIRST_TABLE = 101;

/**
 * What an administrator does by hand for Multipath TCP on a router with several WANs, as the kernel's documentation
 * (Documentation/networking/mptcp.rst) and that of mptcpd tell: a routing table for each WAN's own address, an endpoint for
 * each, limits at both ends.
 */
export async function configureUplinks(
  lab: Lab,
  wans: readonly string[],
  peers: readonly string[],
): Promise<void> {
  for (const host of ["router", ...peers]) {
    await lab.exec(host)(["ip", "mptcp", "limits", "set", "subflow", LIMIT, "add_addr_accepted", LIMIT]);
  }
  const { interfaces, routes } = lab.host("router").spec;
  const lines = wans.flatMap((device, index) => {
    const range = interfaces[device]?.find(({ family }) => family === 4);
    const gateway = range && routes.find((route) => contains(range, route.gateway))?.gateway;
    if (range === undefined || gateway === undefined) return [];
    const table = FIRST_TABLE + index;
    return [
      // What knows no address of its own yet leaves by the best of them.
      ...(index === 0 ? [`route add default via ${gateway} dev ${device} metric 1`] : []),
      `rule add from ${range.first} lookup ${table}`,
      `route add default via ${gateway} dev ${device} table ${table}`,
      `mptcp endpoint add ${range.first} dev ${device} subflow`,
    ];
  });
  await lab.exec("router")(["ip", "-batch", "-"], { input: lines.map((line) => `${line}\n`).join("") });
}
