import type { RouterConfig } from "../config/router.ts";
import type { DataReport } from "../control/messages.ts";
import type { RouterIntent } from "../netplan/model.ts";
import type { WanLease } from "../store/wanleases.ts";
import type { WallTime } from "../wan/schedule.ts";
import { carriesDirectly, type WanState } from "../wan/supervisor.ts";
import type { QuotaEffect } from "./metering.ts";
import { rolesNow } from "./roles.ts";
import { wanIntents } from "./wans.ts";

export interface IntentFacts {
  /** Where the relay takes connections in; null while it does not. */
  readonly ports: DataReport["intercepting"];
  /** The server's, as far as they are known. */
  readonly serverAddresses: readonly string[];
  /** Of the WANs that have one now, by WAN. */
  readonly devices: ReadonlyMap<string, string>;
  readonly leases: ReadonlyMap<string, WanLease>;
  /** Without it every WAN is believed to carry. */
  readonly stateOf?: (wan: string) => WanState;
  /** Without it all WANs have room. */
  readonly quotaEffectOf?: (wan: string) => QuotaEffect;
  /** What the clock shows; without it no schedule counts. */
  readonly time?: WallTime | undefined;
}

/** What a config wants of the kernel. */
export function routerIntent(
  config: RouterConfig,
  { ports, serverAddresses, devices, leases, stateOf, quotaEffectOf, time }: IntentFacts,
): RouterIntent {
  // Addresses are for one device: of several, the config's rules want none.
  const [lanDevice = ""] = config.lan.interfaces;
  const roles = rolesNow(config, { time, quotaEffectOf, stateOf });
  return {
    lan: config.lan.interfaces,
    lanAddresses: (config.lan.addresses ?? []).map((address) => ({ device: lanDevice, address })),
    wans: wanIntents(config, devices, leases).map((wan) => ({
      ...wan,
      ...roles.get(wan.name),
      ...(stateOf !== undefined && !carriesDirectly(stateOf(wan.name)) && { carries: false }),
    })),
    relayPorts: { inet: ports?.v4, inet6: ports?.v6 },
    serverAddresses,
    mptcp: config.mptcp,
    onFailure: config.relay.onFailure,
  };
}
