import type { IpRoute } from "../linux/iproute.ts";
import type { Observations } from "../netplan/model.ts";
import { RT_TABLE_MAIN } from "../netplan/own.ts";

/** What the kernel has by itself or from others, as a plan wants to know it. */
export async function observe(ip: IpRoute): Promise<Observations> {
  const [links, routes] = await Promise.all([ip.links(), ip.routes()]);
  return {
    links,
    defaultRoutes: routes.filter(
      ({ table, destination, type }) =>
        table === RT_TABLE_MAIN && destination === "default" && type === "unicast",
    ),
  };
}
