import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SennitError } from "../../src/base/errors.ts";
import type { NewSubflow, PathManager } from "../../src/linux/pathmanager.ts";
import type { Connection, Listener, Sockets, SubflowInfo } from "../../src/linux/sockets.ts";

/**
 *          10.1.0.1, 2001:db8:1::1 wan1 ---- wan1 10.1.0.2, 2001:db8:1::2
 *   router                                                                server
 *          10.2.0.1                wan2 ---- wan2 10.2.0.2
 */
export interface PathWorld {
  readonly router: Sockets;
  readonly server: Sockets;
  readonly paths: PathManager;
  close(): Promise<void>;
}

export const FIRST = "10.1.0.1";
export const SECOND = "10.2.0.1";
export const SERVER = "10.1.0.2";
export const SIX = { router: "2001:db8:1::1", server: "2001:db8:1::2" } as const;
const PORT = 7443;

/** What every PathManager does, and refuses. */
export function pathManagerContract(name: string, makeWorld: () => Promise<PathWorld>): void {
  describe(`path manager contract: ${name}`, () => {
    let world: PathWorld;
    let listener: Listener;
    const connections: Connection[] = [];
    const accepted: Connection[] = [];

    beforeAll(async () => {
      world = await makeWorld();
      listener = await world.server.listen(
        { transport: "mptcp", local: { address: "::", port: PORT } },
        (connection) => {
          accepted.push(connection);
          connection.stream.on("error", () => undefined).pipe(connection.stream);
        },
      );
    });
    afterAll(async () => {
      for (const connection of [...connections, ...accepted]) connection.reset();
      await listener.close();
      await world.close();
    });

    async function dial(paths: "ours" | "kernel" = "ours"): Promise<Connection> {
      const connection = await world.router.dial({
        transport: "mptcp",
        paths,
        remote: { address: SERVER, port: PORT },
        localAddress: FIRST,
        timeoutMs: 5000,
      });
      connection.stream.on("error", () => undefined);
      connections.push(connection);
      return connection;
    }

    /** A connection that has carried bytes both ways, as those that can be joined have. */
    async function connect(paths?: "ours" | "kernel"): Promise<Connection> {
      const connection = await dial(paths);
      await echo(connection, 1);
      return connection;
    }

    const subflow = (over: Partial<NewSubflow> = {}): NewSubflow => ({
      id: 7,
      localAddress: SECOND,
      remote: { address: SERVER, port: PORT },
      backup: false,
      ...over,
    });

    const join = (connection: Connection, over?: Partial<NewSubflow>): void =>
      world.paths.join(tokenOf(connection), subflow(over));

    async function joined(over?: Partial<NewSubflow>): Promise<Connection> {
      const connection = await connect();
      join(connection, over);
      await until(() => established(connection).length === 2);
      return connection;
    }

    it("adds a subflow, which both ends are told of", async () => {
      const connection = await joined();
      expect(established(connection).map(({ local }) => local.address)).toEqual([FIRST, SECOND]);
      const other = accepted.find(({ remote }) => remote.port === connection.local.port);
      const remotes = other && established(other).map(({ remote }) => remote.address);
      expect(remotes).toEqual([FIRST, SECOND]);
      await echo(connection, 300_000);
    });

    it("adds one of the other family", async () => {
      const connection = await joined({
        localAddress: SIX.router,
        remote: { address: SIX.server, port: PORT },
      });
      expect(established(connection).map(({ local }) => local.address)).toEqual([FIRST, SIX.router]);
      await echo(connection, 300_000);
    });

    it("adds a second one from an address, and ends just the one that is meant", async () => {
      const connection = await joined();
      join(connection);
      await until(() => established(connection).length === 3);
      const [, second, third] = established(connection);
      world.paths.end(tokenOf(connection), must(second));
      await until(() => established(connection).length === 2);
      expect(established(connection)[1]?.local).toEqual(third?.local);
      await echo(connection, 300_000);
    });

    it.each([
      ["that joined", SECOND, 7, 7, FIRST],
      ["where the connection began", FIRST, 0, 8, SECOND],
    ])("leaves the address %s, and joins there again", async (_, address, id, next, staying) => {
      const connection = await joined();
      const leaving = established(connection).find(({ local }) => local.address === address);
      world.paths.leave(tokenOf(connection), { ...must(leaving), id });
      await until(() => established(connection).length === 1);
      expect(established(connection)[0]?.local.address).toBe(staying);
      await echo(connection, 300_000);
      join(connection, { id: next, localAddress: address });
      await until(() => established(connection).length === 2);
      await echo(connection, 300_000);
    });

    it("connects anew where not one subflow was left", async () => {
      const connection = await connect();
      world.paths.leave(tokenOf(connection), { ...must(established(connection)[0]), id: 0 });
      await until(() => established(connection).length === 0);
      join(connection);
      await until(() => established(connection).length === 1);
      expect(established(connection)[0]?.local.address).toBe(SECOND);
      await echo(connection, 300_000);
    });

    it("makes any subflow a backup, and takes it back", async () => {
      const connection = await joined({ backup: true });
      const [first, second] = established(connection);
      const token = tokenOf(connection);
      world.paths.setBackup(token, must(second), false);
      world.paths.setBackup(token, must(first), true);
      await echo(connection, 300_000);
      expect(established(connection)).toHaveLength(2);
    });

    describe("refuses", () => {
      const code = (act: () => void): string => {
        try {
          act();
        } catch (error) {
          if (error instanceof SennitError && error.causeClass === "kernel") return error.code;
          throw error;
        }
        return "nothing";
      };

      it("to join before bytes went both ways", async () => {
        const connection = await dial();
        expect(code(() => join(connection))).toBe("ENOTCONN");
      });

      it("a connection whose paths are the kernel's, or that is not there", async () => {
        const connection = await connect("kernel");
        const [only] = established(connection);
        expect(code(() => join(connection))).toBe("EINVAL");
        expect(code(() => world.paths.setBackup(tokenOf(connection), must(only), true))).toBe("EINVAL");
        expect(code(() => world.paths.end(tokenOf(connection), must(only)))).toBe("EINVAL");
        expect(code(() => world.paths.leave(tokenOf(connection), { ...must(only), id: 0 }))).toBe("EINVAL");
        expect(code(() => world.paths.join(12_345, subflow()))).toBe("EINVAL");
      });

      it("an id for two addresses, two ids for one, and ends of two families", async () => {
        const connection = await joined();
        expect(code(() => join(connection, { id: 8 }))).toBe("EINVAL");
        expect(code(() => join(connection, { localAddress: FIRST }))).toBe("EINVAL");
        expect(code(() => join(connection, { id: 9, localAddress: SIX.router }))).toBe("EINVAL");
      });

      it("an address that is not the host's", async () => {
        const connection = await connect();
        expect(code(() => join(connection, { localAddress: "10.3.0.1" }))).toBe("EADDRNOTAVAIL");
      });

      it("subflows that are not there", async () => {
        const connection = await connect();
        const [only] = established(connection);
        const stranger = { ...must(only), local: { address: SECOND, port: 1 } };
        const token = tokenOf(connection);
        expect(code(() => world.paths.end(token, stranger))).toBe("ESRCH");
        expect(code(() => world.paths.leave(token, { ...stranger, id: 7 }))).toBe("ESRCH");
        expect(code(() => world.paths.setBackup(token, stranger, true))).toBe("EINVAL");
        expect(established(connection)).toHaveLength(1);
      });
    });
  });
}

export const established = (connection: Connection): readonly SubflowInfo[] =>
  (connection.info()?.subflows ?? []).filter(({ state }) => state === "established");

export function tokenOf(connection: Connection): number {
  return must(connection.info()?.token);
}

export function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("expected to be there");
  return value;
}

/** Writes `length` bytes and reads them back. */
export async function echo({ stream }: Connection, length: number): Promise<void> {
  const back = Promise.withResolvers<void>();
  let missing = length;
  const onData = (chunk: Buffer): void => {
    missing -= chunk.length;
    if (missing === 0) back.resolve();
    else if (missing < 0) back.reject(new Error("more came back than was sent"));
  };
  stream.on("data", onData);
  stream.write(Buffer.alloc(length, 7));
  await back.promise;
  stream.off("data", onData);
}

export async function until(good: () => boolean): Promise<void> {
  const end = performance.now() + 5000;
  while (!good()) {
    if (performance.now() > end) throw new Error("not within 5 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
