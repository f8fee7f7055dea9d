import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SennitError } from "../../src/base/errors.ts";
import type { Datagrams, DatagramSocket } from "../../src/linux/datagrams.ts";
import type { Endpoint } from "../../src/linux/sockets.ts";

/** client up0 ---- down0 server; nothing else, so the server has no way to `NOWHERE`. */
export interface DatagramWorld {
  readonly client: Datagrams;
  readonly server: Datagrams;
  /** The client's device. */
  readonly device: string;
  close(): Promise<void>;
}

export const CLIENT = { v4: "10.8.0.1", v6: "2001:db8:8::1" } as const;
export const SERVER = { v4: "10.8.0.2", v6: "2001:db8:8::2" } as const;
const NOWHERE = "192.0.2.99";
const PORT = 7443;

/** What every implementation of Datagrams does, and refuses. */
export function datagramsContract(name: string, makeWorld: () => Promise<DatagramWorld>): void {
  describe(`datagrams contract: ${name}`, () => {
    let world: DatagramWorld;
    beforeAll(async () => {
      world = await makeWorld();
    });
    afterAll(() => world.close());

    interface Heard {
      readonly socket: DatagramSocket;
      readonly heard: { readonly bytes: string; readonly from: Endpoint }[];
    }
    function open(of: Datagrams, local: Endpoint, device?: string): Heard {
      const heard: Heard["heard"] = [];
      const socket = of.open({
        local,
        device,
        onDatagram: (bytes, from) => heard.push({ bytes: bytes.toString(), from }),
      });
      return { socket, heard };
    }

    it.each(["v4", "v6"] as const)("carries one there and its answer back, by %s", async (family) => {
      const server = open(world.server, { address: SERVER[family], port: PORT });
      const client = open(world.client, { address: CLIENT[family], port: 0 }, world.device);
      expect(client.socket.local.address).toBe(CLIENT[family]);
      expect(client.socket.local.port).toBeGreaterThan(0);
      client.socket.send(Buffer.from("asked"), server.socket.local);
      await until(() => server.heard.length === 1);
      expect(server.heard).toEqual([{ bytes: "asked", from: client.socket.local }]);
      server.socket.send(Buffer.from("answered"), client.socket.local);
      await until(() => client.heard.length === 1);
      expect(client.heard).toEqual([{ bytes: "answered", from: server.socket.local }]);
      for (const { socket } of [server, client]) socket.close();
    });

    it("loses what nobody takes or nothing leads to, and goes on", async () => {
      const server = open(world.server, { address: SERVER.v4, port: PORT });
      const client = open(world.client, { address: CLIENT.v4, port: 0 });
      client.socket.send(Buffer.from("lost"), { address: SERVER.v4, port: 9 });
      client.socket.send(Buffer.from("lost"), { address: NOWHERE, port: PORT });
      client.socket.send(Buffer.from("lost"), { address: SERVER.v6, port: PORT });
      client.socket.send(Buffer.from("heard"), server.socket.local);
      await until(() => server.heard.length === 1);
      expect(server.heard.map(({ bytes }) => bytes)).toEqual(["heard"]);
      for (const { socket } of [server, client]) socket.close();
    });

    it("says nothing and hears nothing once closed, and lets the port go", async () => {
      const server = open(world.server, { address: SERVER.v4, port: PORT });
      const client = open(world.client, { address: CLIENT.v4, port: 0 });
      server.socket.close();
      server.socket.close();
      const next = open(world.server, { address: SERVER.v4, port: PORT });
      server.socket.send(Buffer.from("lost"), client.socket.local);
      client.socket.send(Buffer.from("heard"), next.socket.local);
      await until(() => next.heard.length === 1);
      expect([server.heard, client.heard]).toEqual([[], []]);
      for (const { socket } of [next, client]) socket.close();
    });

    it.each<[string, string, (world: DatagramWorld) => void]>([
      [
        "an address that is not this host's",
        "EADDRNOTAVAIL",
        ({ client }) => open(client, { address: NOWHERE, port: 0 }),
      ],
      [
        "a device that is not there",
        "ENODEV",
        ({ client }) => open(client, { address: CLIENT.v4, port: 0 }, "nope0"),
      ],
      ["what is no address", "bad-address", ({ client }) => open(client, { address: "localhost", port: 0 })],
      [
        "a port that is taken",
        "EADDRINUSE",
        ({ server }) => {
          const first = open(server, { address: SERVER.v4, port: PORT });
          try {
            open(server, { address: SERVER.v4, port: PORT });
          } finally {
            first.socket.close();
          }
        },
      ],
    ])("refuses %s", (_, code, act) => {
      let refused: unknown;
      try {
        act(world);
      } catch (error) {
        refused = error;
      }
      expect(refused).toBeInstanceOf(SennitError);
      expect(refused).toMatchObject({ code, causeClass: "config" });
    });
  });
}

async function until(good: () => boolean): Promise<void> {
  const end = performance.now() + 5000;
  while (!good()) {
    if (performance.now() > end) throw new Error("not within 5 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
