import type { DeviceAddress, Link, MptcpLimits, Route, Rule } from "../linux/iproute.ts";

/** What the operator wants of a router, as far as the kernel is concerned. */
export interface RouterIntent {
  readonly lan: readonly string[];
  /** Addresses that we give to the LAN's devices; without it, they have those that they have. */
  readonly lanAddresses?: readonly PlacedAddress[];
  /** In the order of preference; a WAN's place gives its table. */
  readonly wans: readonly WanIntent[];
  /** Where the relay listens on 127.0.0.1 and ::1; a family without a port is not proxied. */
  readonly relayPorts: { readonly inet: number | undefined; readonly inet6: number | undefined };
  /** The server's addresses, the first one dialled first. Empty while not known. */
  readonly serverAddresses: readonly string[];
  /** Unless told, as `DEFAULT_MPTCP`. */
  readonly mptcp?: MptcpSettings;
  /** What happens to connections that the relay does not take: they go out directly, or not at all. */
  readonly onFailure: "open" | "closed";
}

/** "192.0.2.2/24" on a device. */
export interface PlacedAddress {
  readonly device: string;
  readonly address: string;
}

export interface WanIntent {
  readonly name: string;
  readonly device: string;
  readonly role: "active" | "backup" | "off";
  /** Why, in words, where it is not the one that the config gives. */
  readonly roleWhy?: string;
  /** Share of the direct flows, beside the other WANs' weights; 1 unless told. */
  readonly weight?: number;
  /** What those who watch it say; unless told, it is believed to carry as soon as the kernel can use it. */
  readonly carries?: boolean;
  /** Instead of the device's default route, for the gateway's family. */
  readonly gateway?: string;
  /**
   * The device is ours to set up, with these addresses ("192.0.2.2/24"), of a lease or of the config; without it, it is
   * somebody else's. With `announced`, IPv6 addresses and gateways come by router advertisements.
   */
  readonly managed?: { readonly addresses: readonly string[]; readonly announced: boolean };
  /** Hop limit with which all packets leave here. */
  readonly ttl?: number;
  /** What the device is to be like; what is not said stays as it is. */
  readonly link?: {
    readonly mtu?: number | undefined;
    readonly mac?: string | undefined;
    /** As `ethtool -K` names them. */
    readonly offloads?: Readonly<Record<string, "on" | "off" | undefined>> | undefined;
  };
}

/** How the kernel does Multipath TCP. */
export interface MptcpSettings {
  readonly checksum: boolean;
  /** Timeouts in a row after which a subflow is stale. */
  readonly staleLossCount: number;
  /** Milliseconds; 0 is never. */
  readonly blackholeTimeout: number;
  /** Undefined: as it was before us. */
  readonly scheduler?: string | undefined;
  readonly congestionControl?: string | undefined;
}

export const DEFAULT_MPTCP: MptcpSettings = { checksum: false, staleLossCount: 2, blackholeTimeout: 0 };

/** What the kernel has by itself or from others. */
export interface Observations {
  readonly links: readonly Link[];
  /** Default routes in main, of every device, without ours. */
  readonly defaultRoutes: readonly Route[];
}

/**
 * A setting, of the kernel or of a device (linux/settings.ts): either exactly `value`, or a list whose last field is to be
 * `lastAtLeast` (never made smaller).
 */
export type SysctlWish =
  | { readonly key: string; readonly value: string }
  | { readonly key: string; readonly lastAtLeast: number };

/** Something the operator should know; the rest of the plan holds without it. */
export interface Problem {
  readonly code: "wan-same-address";
  readonly wan: string;
  readonly message: string;
}

/** Everything of ours that the kernel should hold: a plain value. */
export interface DesiredState {
  /** "table inet ... { ... }" as nft prints it, or undefined for no table. */
  readonly nft: string | undefined;
  readonly addresses: readonly DeviceAddress[];
  readonly rules: readonly Rule[];
  /** The kernel's own, which are put back where somebody has taken them away, and never taken away by us. */
  readonly kernelRules: readonly Rule[];
  readonly routes: readonly Route[];
  /** Undefined: as they were before us. */
  readonly mptcpLimits: MptcpLimits | undefined;
  readonly sysctls: readonly SysctlWish[];
  readonly problems: readonly Problem[];
}

/** Nothing of ours. */
export const NOTHING: DesiredState = {
  nft: undefined,
  addresses: [],
  rules: [],
  kernelRules: [],
  routes: [],
  mptcpLimits: undefined,
  sysctls: [],
  problems: [],
};
