import type { RouterConfig } from "../config/router.ts";
import type { DataReport } from "../control/messages.ts";
import type { RouterIntent } from "../netplan/model.ts";
import type { WanLease } from "../store/wanleases.ts";
import { wanIntents } from "./wans.ts";

export interface IntentFacts {
  /** Where the relay takes connections in; null while it does not. */
  readonly ports: DataReport["intercepting"];
  /** The server's, as far as they are known. */
  readonly serverAddresses: readonly string[];
  /** Of the WANs that have one now, by WAN. */
  readonly devices: ReadonlyMap<string, string>;
  readonly leases: ReadonlyMap<string, WanLease>;
}

/** What a config wants of the kernel. */
export function routerIntent(
  config: RouterConfig,
  { ports, serverAddresses, devices, leases }: IntentFacts,
): RouterIntent {
  return {
    lan: config.lan.interfaces,
    wans: wanIntents(config, devices, leases),
    relayPorts: { inet: ports?.v4, inet6: ports?.v6 },
    serverAddresses,
    mptcp: config.mptcp,
    onFailure: config.relay.onFailure,
  };
}
