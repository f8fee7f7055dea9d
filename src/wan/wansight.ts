import type { WayFigures } from "./figures.ts";

/** What keeps a device from carrying, in the order in which a person would look at it. */
export type DeviceTrouble = "absent" | "switched-off" | "no-carrier" | "no-address" | "no-gateway";

/** What a check of the internet beyond the gateway found, for traffic that does not go through the server. */
export interface CheckSight {
  /** Undefined while it is not known yet. */
  readonly answered: boolean | undefined;
  /** Who was asked, and how: "icmp 192.0.2.1". */
  readonly what: string;
}

/** All that is known of one WAN at one moment. Times are ages (ms), so that they need no common clock. */
export interface WanSight {
  readonly role: "active" | "backup" | "off";
  /** Why it has another role than the config gives it; undefined where it has that one. */
  readonly roleWhy?: string | undefined;
  /** Why it is to carry nothing more this month; undefined while there is room. */
  readonly quota?: string | undefined;
  /** What it costs the others to use it (bit/s); undefined where it costs nothing. */
  readonly cost?: number | undefined;
  readonly trouble: DeviceTrouble | undefined;
  /** What connections and probes to the server tell; undefined where there is nobody to tell. */
  readonly way: WayFigures | undefined;
  /** Since the server was last heard to have acknowledged, or sent, new bytes over it. */
  readonly ackedMs?: number | undefined;
  /** Since there is no connection to the server at all, over no WAN; undefined while there is one. */
  readonly cutMs?: number | undefined;
  /** Round trip of connections over it now, and what it carries (bit/s, the busier direction). */
  readonly rttMs?: number | undefined;
  readonly rate: number;
  /** Whether the next hop is there (ARP, neighbour discovery); undefined where nobody asked. */
  readonly gatewayAnswers?: boolean | undefined;
  readonly check?: CheckSight | undefined;
  /** Whether the server is heard over another WAN: then its silence here is this WAN's. */
  readonly heardElsewhere: boolean;
}
