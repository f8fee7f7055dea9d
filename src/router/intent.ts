import type { RouterConfig } from "../config/router.ts";
import type { DataReport } from "../control/messages.ts";
import type { RouterIntent } from "../netplan/model.ts";
import { wanIntents } from "./wans.ts";

export interface IntentFacts {
  /** Where the relay takes connections in; null while it does not. */
  readonly ports: DataReport["intercepting"];
  /** The server's, as far as they are known. */
  readonly serverAddresses: readonly string[];
}

/** What a config wants of the kernel. */
export function routerIntent(config: RouterConfig, { ports, serverAddresses }: IntentFacts): RouterIntent {
  return {
    lan: config.lan.interfaces,
    wans: wanIntents(config),
    relayPorts: { inet: ports?.v4, inet6: ports?.v6 },
    serverAddresses,
    onFailure: config.relay.onFailure,
  };
}
