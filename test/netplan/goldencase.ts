import type { IpChange, IpRoute, Route } from "../../src/linux/iproute.ts";
import type { RouterIntent } from "../../src/netplan/model.ts";

/** A router as a golden test has it: what is on it, and what is wanted. */
export interface GoldenCase {
  readonly name: string;
  readonly devices: Readonly<Record<string, readonly string[]>>;
  readonly unplugged?: readonly string[];
  /** Default routes in main, "DEVICE via GATEWAY" or "DEVICE", in the order of preference. */
  readonly defaults: readonly string[];
  readonly intent: RouterIntent;
}

/** RTPROT_STATIC: of routes that an administrator made. */
const RTPROT_STATIC = 4;

/** Adds the case's default routes to main, later ones with a higher metric. */
export async function addDefaults(ip: IpRoute, { defaults }: Pick<GoldenCase, "defaults">): Promise<void> {
  const changes = defaults.map((text, index): IpChange => {
    const [device = "", gateway] = text.split(" via ");
    const value: Route = {
      family: gateway?.includes(":") === true ? "inet6" : "inet",
      type: "unicast",
      table: 254,
      destination: "default",
      device,
      metric: 100 + index,
      protocol: RTPROT_STATIC,
      ...(gateway !== undefined && { gateway }),
    };
    return { object: "route", verb: "add", value };
  });
  const failures = await ip.run(changes);
  if (failures[0] !== undefined) throw failures[0].error;
}
