import { join } from "node:path";
import { systemClock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { type Conntrack, createConntrack } from "../linux/conntrack.ts";
import { kernelEcho } from "../linux/echo.ts";
import { exec } from "../linux/exec.ts";
import { namespaceIdentity } from "../linux/identity.ts";
import type { IpRoute } from "../linux/iproute.ts";
import { createIpRoute } from "../linux/iproutetool.ts";
import { kernelDatagrams } from "../linux/kerneldatagrams.ts";
import { kernelSockets } from "../linux/kernelsockets.ts";
import { kernelNeighbours, type Neighbours } from "../linux/neighbours.ts";
import { createNft, type Nft } from "../linux/nft.ts";
import { createSettings } from "../linux/settings.ts";
import { TABLE_NAME } from "../netplan/own.ts";
import { type AskTarget, externalCheck } from "./externalcheck.ts";
import { Journal } from "./journal.ts";
import { Reconciler } from "./reconciler.ts";

/** The kernel of the namespace that this process is in. */
export interface Kernel {
  readonly ip: IpRoute;
  readonly nft: Nft;
  readonly reconciler: Reconciler;
  readonly conntrack: Pick<Conntrack, "deleteMasqueraded">;
  readonly neighbours: Neighbours;
  /** Asks hosts beyond the gateways. */
  readonly ask: AskTarget;
}

/** `runDirectory` keeps the journal of what was there before us. */
export function openKernel(runDirectory: string, log: Log): Kernel {
  const [ip, nft] = [createIpRoute(exec), createNft(exec, TABLE_NAME)];
  const journal = new Journal(join(runDirectory, "journal.json"), namespaceIdentity());
  return {
    ip,
    nft,
    conntrack: createConntrack(exec),
    neighbours: kernelNeighbours(),
    ask: externalCheck({
      echo: kernelEcho(),
      sockets: kernelSockets(),
      datagrams: kernelDatagrams(),
      clock: systemClock,
    }),
    reconciler: new Reconciler({ ip, nft, sysctl: createSettings(), journal, log }),
  };
}
