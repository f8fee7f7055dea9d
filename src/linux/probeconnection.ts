import { setTimeout as sleep } from "node:timers/promises";
import { SennitError } from "../base/errors.ts";
import { kernelSockets } from "./kernelsockets.ts";
import { kernelPathManager } from "./pathmanager.ts";
import { no, type Probe, type Space, unknown, type Verdict, yes } from "./probecapability.ts";
import { kernelSockDiag } from "./sockdiag.ts";
import type { Connection, DialOptions } from "./sockets.ts";

const HERE = "127.0.0.1";
const ALSO_HERE = "127.0.0.2";
/** Within the namespace packets take microseconds: what is not there by then never will be. */
const TIMEOUT_MS = 2000;
const POLL_MS = 5;

/** What is tried with a connection to ourselves. */
export const CONNECTION_PROBES: readonly Probe<[Space]>[] = [
  { id: "mptcp.path-manager-ours", purpose: "choose each carrier's WANs ourselves", run: ownPaths },
  { id: "sock.destroy", purpose: "cut a dead subflow at once (INET_DIAG_DESTROY)", run: sockDestroy },
];

function ownPaths({ netns }: Space): Promise<Verdict> {
  return withConnection(netns, { transport: "mptcp", paths: "ours" }, async (connection) => {
    const { stream, remote } = connection;
    // It can be joined once it has carried bytes both ways.
    let back = false;
    stream.once("data", () => (back = true)).write("?");
    if (!(await comes(() => back))) return unknown("a byte to ourselves did not come back");
    const token = connection.info()?.token;
    if (token === undefined) return no("a connection to ourselves fell back to TCP");
    try {
      kernelPathManager(netns).join(token, { id: 1, localAddress: ALSO_HERE, remote, backup: true });
    } catch (error) {
      if (!(error instanceof SennitError)) throw error;
      return (error.code === "EPERM" ? unknown : no)(error.message);
    }
    const joined = (): boolean =>
      connection.info()?.subflows.filter(({ state }) => state === "established").length === 2;
    const what = `a join of ${ALSO_HERE} to a connection from ${HERE}`;
    return (await comes(joined)) ? yes(`${what} made a second subflow`) : no(`${what} came to nothing`);
  });
}

function sockDestroy({ netns }: Space): Promise<Verdict> {
  return withConnection(netns, { transport: "tcp" }, (connection) => {
    const answer = kernelSockDiag(netns).destroy(connection);
    if (answer === "not-permitted") return unknown("SOCK_DESTROY: not permitted");
    return (answer === "done" ? yes : no)(`SOCK_DESTROY of an own connection: ${answer}`);
  });
}

/** Lends a connection whose other end sends back what it gets. */
async function withConnection(
  netns: string,
  how: Pick<DialOptions, "transport" | "paths">,
  fn: (connection: Connection) => Verdict | Promise<Verdict>,
): Promise<Verdict> {
  const sockets = kernelSockets(netns);
  const { transport } = how;
  const listener = await sockets.listen({ transport, local: { address: HERE, port: 0 } }, ({ stream }) => {
    stream.on("error", () => undefined).pipe(stream);
  });
  try {
    const connection = await sockets.dial({ ...how, remote: listener.local, timeoutMs: TIMEOUT_MS });
    connection.stream.on("error", () => undefined);
    try {
      return await fn(connection);
    } finally {
      connection.reset();
    }
  } finally {
    await listener.close();
  }
}

async function comes(good: () => boolean): Promise<boolean> {
  const end = performance.now() + TIMEOUT_MS;
  while (!good()) {
    if (performance.now() > end) return false;
    await sleep(POLL_MS);
  }
  return true;
}
