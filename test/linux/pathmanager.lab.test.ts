import { expect, it } from "vitest";
import { Closer } from "../../src/base/closer.ts";
import { exec } from "../../src/linux/exec.ts";
import { kernelSockets } from "../../src/linux/kernelsockets.ts";
import { netnsPath } from "../../src/linux/netns.ts";
import type { Connection } from "../../src/linux/sockets.ts";
import { kernelPathManager } from "../../src/linux/pathmanager.ts";
import { createSysctl } from "../../src/linux/sysctl.ts";
import { ip, namespaces, veth } from "./namespaces.ts";
import {
  echo,
  established,
  FIRST,
  must,
  pathManagerContract,
  type PathWorld,
  SECOND,
  SERVER,
  tokenOf,
  until,
} from "./pathmanager.contract.ts";
import { withoutNetworkRights } from "./unprivileged.ts";

interface KernelWorld extends PathWorld {
  readonly netns: string;
  /** Loses whatever goes over one of the WANs from now on, in both directions. */
  blackHole(device: "wan1" | "wan2"): Promise<void>;
}

async function makeWorld(): Promise<KernelWorld> {
  const closer = new Closer();
  return closer.unwindOnFailure(async () => {
    const [near = "", far = ""] = await namespaces(closer, "router", "server");
    for (const n of [1, 2]) {
      const six = (end: number): readonly string[] => (n === 1 ? [`2001:db8:1::${end}/64`] : []);
      await veth(
        { netns: near, device: `wan${n}`, addresses: [`10.${n}.0.1/24`, ...six(1)] },
        { netns: far, device: `wan${n}`, addresses: [`10.${n}.0.2/24`, ...six(2)] },
      );
      // Both WANs lead to the server's one address.
      await ip(`-n ${near} route add default via 10.${n}.0.2 dev wan${n} table ${100 + n}`);
      await ip(`-n ${near} rule add from 10.${n}.0.1 lookup ${100 + n} priority ${100 + n}`);
    }
    await ip(`-n ${far} mptcp limits set subflow 8 add_addr_accepted 0`);
    return {
      netns: netnsPath(near),
      blackHole: async (device) => {
        const chain = (hook: string, match: string): string =>
          `chain ${hook} {\ntype filter hook ${hook} priority 0;\n${match} drop\n}\n`;
        const rules = `table inet hole {\n${chain("input", `iifname ${device}`)}${chain("output", `oifname ${device}`)}}\n`;
        await exec(["ip", "netns", "exec", near, "nft", "-f", "-"], { input: rules });
      },
      router: kernelSockets(netnsPath(near)),
      server: kernelSockets(netnsPath(far)),
      paths: kernelPathManager(netnsPath(near)),
      close: () => closer.close(),
    };
  });
}

pathManagerContract("kernel", makeWorld);

it("a backup carries nothing in either direction, until it is none any more", async () => {
  const world = await makeWorld();
  try {
    const port = 7443;
    const listener = await world.server.listen(
      { transport: "mptcp", local: { address: "::", port } },
      ({ stream }) => void stream.on("error", () => undefined).pipe(stream),
    );
    const remote = { address: SERVER, port };
    const connection = await world.router.dial({
      transport: "mptcp",
      paths: "ours",
      remote,
      localAddress: FIRST,
      timeoutMs: 5000,
    });
    connection.stream.on("error", () => undefined);
    // The setting is for sockets that are being made, not for those of others later.
    expect(createSysctl(world.netns).get("net/mptcp/pm_type")).toBe("0");
    await echo(connection, 1);
    const token = tokenOf(connection);
    const join = { id: 7, localAddress: SECOND, remote, backup: true };
    expect(() => withoutNetworkRights(() => world.paths.join(token, join))).toThrow("EPERM");
    world.paths.join(token, join);
    await until(() => established(connection).length === 2);

    const carried = (): number => {
      const second = must(established(connection).find(({ local }) => local.address === SECOND));
      return Math.min(second.bytesSent, second.bytesReceived);
    };
    await echo(connection, 4_000_000);
    expect(carried()).toBe(0);

    const [first, second] = established(connection);
    world.paths.setBackup(token, must(second), false);
    world.paths.setBackup(token, must(first), true);
    await echo(connection, 4_000_000);
    expect(carried()).toBeGreaterThan(2_000_000);
    connection.reset();
    await listener.close();
  } finally {
    await world.close();
  }
});

it.each([
  ["that joined", "wan2", SECOND, 7],
  ["where the connection began", "wan1", FIRST, 0],
] as const)(
  "the peer is told that the address %s is gone, though its way is dead",
  async (_, wan, address, id) => {
    const world = await makeWorld();
    try {
      const port = 7443;
      const accepted = Promise.withResolvers<Connection>();
      const listener = await world.server.listen(
        { transport: "mptcp", local: { address: "::", port } },
        (connection) => {
          connection.stream.on("error", () => undefined).pipe(connection.stream);
          accepted.resolve(connection);
        },
      );
      const remote = { address: SERVER, port };
      const connection = await world.router.dial({
        transport: "mptcp",
        paths: "ours",
        remote,
        localAddress: FIRST,
        timeoutMs: 5000,
      });
      connection.stream.on("error", () => undefined);
      await echo(connection, 1);
      const token = tokenOf(connection);
      world.paths.join(token, { id: 7, localAddress: SECOND, remote, backup: false });
      await until(() => established(connection).length === 2);
      const other = await accepted.promise;
      await until(() => established(other).length === 2);

      await world.blackHole(wan);
      const dead = must(established(connection).find(({ local }) => local.address === address));
      world.paths.leave(token, { ...dead, id });
      expect(established(connection)).toHaveLength(1);
      await until(() => established(other).length === 1);
      expect(established(other)[0]?.remote.address).toBe(address === FIRST ? SECOND : FIRST);
      await echo(connection, 100_000);
      connection.reset();
      await listener.close();
    } finally {
      await world.close();
    }
  },
);
