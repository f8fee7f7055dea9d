import "reflect-metadata";
import { X509CertificateGenerator } from "@peculiar/x509";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls, TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Connection, DialOptions, Listener, Sockets, Transport } from "../../src/linux/sockets.ts";

/**
 *   client 192.0.2.1, 2001:db8::1 --- device ---- 192.0.2.2, 2001:db8::2 server
 */
export interface World {
  readonly client: Sockets;
  readonly server: Sockets;
  /** The client's host seen by a process without any capability. */
  readonly unprivileged: Sockets;
  /** The client's device towards the server. */
  readonly device: string;
  /** Loses whatever the client sends to the server from now on, or no longer. */
  silence(on: boolean): Promise<void>;
  close(): Promise<void>;
}

export const CLIENT = { v4: "192.0.2.1", v6: "2001:db8::1" } as const;
export const SERVER = { v4: "192.0.2.2", v6: "2001:db8::2" } as const;
/** In no routing table, on no host. */
const NOWHERE = "198.51.100.1";

const FAMILIES = ["v4", "v6"] as const;
const TRANSPORTS: readonly Transport[] = ["tcp", "mptcp"];
const CASES = TRANSPORTS.flatMap((transport) => FAMILIES.map((family) => ({ transport, family })));
const TIMEOUT_MS = 10_000;

/** What every implementation of `Sockets` does, and refuses. */
export function socketsContract(name: string, makeWorld: () => Promise<World>): void {
  describe(`sockets contract: ${name}`, () => {
    let world: World;
    const listeners: Listener[] = [];
    const connections: Connection[] = [];

    beforeAll(async () => {
      world = await makeWorld();
    });
    afterEach(async () => {
      await world.silence(false);
      for (const listener of listeners.splice(0)) await listener.close();
      for (const connection of connections.splice(0)) connection.reset();
    });
    afterAll(() => world.close());

    /** Closed after the test; what a reset then does to the other end is no failure. */
    function track(connection: Connection): Connection {
      connection.stream.on("error", () => undefined);
      connections.push(connection);
      return connection;
    }

    async function listen(
      transport: Transport,
      address: string,
      port = 0,
      onConnection: (connection: Connection) => void = () => undefined,
      sockets = world.server,
    ): Promise<Listener> {
      const listener = await sockets.listen({ transport, local: { address, port } }, (connection) => {
        track(connection);
        onConnection(connection);
      });
      listeners.push(listener);
      return listener;
    }

    async function dial(options: Partial<DialOptions> & Pick<DialOptions, "remote">): Promise<Connection> {
      const connection = await world.client.dial({ transport: "tcp", timeoutMs: TIMEOUT_MS, ...options });
      return track(connection);
    }

    async function pair(
      transport: Transport = "tcp",
      family: "v4" | "v6" = "v4",
      serverTransport = transport,
    ): Promise<{ client: Connection; server: Connection; listener: Listener }> {
      const accepted: Connection[] = [];
      const listener = await listen(serverTransport, SERVER[family], 0, (connection) =>
        accepted.push(connection),
      );
      const client = await dial({ transport, remote: listener.local });
      // Before it may be one that asked for MPTCP in vain.
      const server = await until(
        () => accepted.find(({ remote }) => remote.port === client.local.port),
        (found) => found !== undefined,
      );
      if (server === undefined) throw new Error("no server");
      return { client, server, listener };
    }

    /** Rejects as a network or kernel would: the error's cause class and code. */
    async function refusal(attempt: Promise<unknown>): Promise<string> {
      const error: unknown = await attempt.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      const { causeClass, code } = (error ?? {}) as { causeClass?: string; code?: string };
      return `${causeClass} ${code}`;
    }

    describe.each(CASES)("$transport over $family", ({ transport, family }) => {
      it("carries bytes both ways between the addresses it names", async () => {
        const { client, server, listener } = await pair(transport, family);
        client.stream.write("ping");
        expect(await take(server.stream, 4)).toEqual(Buffer.from("ping"));
        server.stream.write("pong!");
        expect(await take(client.stream, 5)).toEqual(Buffer.from("pong!"));
        expect(listener.local.address).toBe(SERVER[family]);
        expect(client.remote).toEqual(listener.local);
        expect(server.local).toEqual(listener.local);
        expect(client.local.address).toBe(CLIENT[family]);
        expect(server.remote).toEqual(client.local);
      });

      it("keeps the other direction open after one has ended", async () => {
        const { client, server } = await pair(transport, family);
        client.stream.end("last words");
        expect(await takeAll(server.stream)).toEqual(Buffer.from("last words"));
        server.stream.end("answer");
        expect(await takeAll(client.stream)).toEqual(Buffer.from("answer"));
      });

      it("shows a reset as ECONNRESET to the other end, whichever end resets", async () => {
        for (const which of ["client", "server"] as const) {
          const ends = await pair(transport, family);
          const other = which === "client" ? ends.server : ends.client;
          const failed = errorOf(other.stream);
          ends[which].reset();
          expect(await failed).toBe("ECONNRESET");
          expect(ends[which].stream.destroyed).toBe(true);
        }
      });

      it("resets at once although data wait to be taken", async () => {
        const { client, server } = await pair(transport, family);
        const [chunk] = [randomBytes(1 << 20)];
        while (client.stream.writableLength < chunk.length) client.stream.write(chunk);
        client.stream.end();
        const failed = errorOf(server.stream);
        client.reset();
        await once(client.stream, "close");
        server.stream.resume();
        expect(await failed).toBe("ECONNRESET");
      });

      it("keeps every byte in order, also with a reader slower than the writer, in bounded memory", async () => {
        const { client, server } = await pair(transport, family);
        const [sent, received] = [createHash("sha256"), createHash("sha256")];
        let [written, most, read] = [0, 0, 0];
        const reading = (async () => {
          for await (const chunk of server.stream) {
            received.update(chunk as Buffer);
            read += (chunk as Buffer).length;
            await turn();
          }
        })();
        const total = 24 << 20;
        while (written < total) {
          const chunk = randomBytes(1 + ((written * 7919) % 200_000));
          written += chunk.length;
          sent.update(chunk);
          const more = client.stream.write(chunk);
          most = Math.max(most, client.stream.writableLength);
          if (!more) await once(client.stream, "drain");
        }
        client.stream.end();
        await reading;
        expect(read).toBe(written);
        expect(received.digest("hex")).toBe(sent.digest("hex"));
        expect(most).toBeLessThan(512 << 10);
      });

      it("lends what comes, what came before included, and stops while paused", async () => {
        const { client, server } = await pair(transport, family);
        client.stream.write("early ");
        await once(server.stream, "readable");
        const heard = { text: "", lent: [] as Buffer[], ended: false };
        server.lend((bytes) => {
          heard.text += bytes.toString();
          heard.lent.push(bytes);
        });
        server.stream.on("end", () => (heard.ended = true));
        client.stream.write("bytes");
        await until(
          () => heard.text,
          (text) => text === "early bytes",
        );
        server.stream.pause();
        client.stream.end(" and late ones");
        await within(50, once(server.stream, "end"));
        expect(heard).toMatchObject({ text: "early bytes", ended: false });
        server.stream.resume();
        await until(
          () => heard.ended,
          (ended) => ended,
        );
        expect(heard.text).toBe("early bytes and late ones");
      });

      it("lends every byte in order, and uses the memory again", async () => {
        const { client, server } = await pair(transport, family);
        const sent = randomBytes(4 << 20);
        const received = createHash("sha256");
        const lent: { readonly bytes: Buffer; readonly was: Buffer }[] = [];
        server.lend((bytes) => {
          received.update(bytes);
          lent.push({ bytes, was: Buffer.from(bytes) });
        });
        client.stream.end(sent);
        await once(server.stream, "end");
        expect(received.digest("hex")).toBe(createHash("sha256").update(sent).digest("hex"));
        expect(lent.some(({ bytes, was }) => !bytes.equals(was))).toBe(true);
      });

      it("sends what the kernel takes at once, from memory that is free again, and no more", async () => {
        const { client, server } = await pair(transport, family);
        const [sent, received] = [createHash("sha256"), createHash("sha256")];
        const chunk = Buffer.alloc(256 << 10);
        let taken = 0;
        // Until the kernel's buffers are full; far below what they could hold.
        for (let size = 1; size > 0 && taken < 256 << 20; taken += size) {
          chunk.fill(taken % 251);
          size = client.send(chunk);
          sent.update(chunk.subarray(0, size));
          chunk.fill(0xee);
        }
        server.lend((bytes) => void received.update(bytes));
        client.stream.write("the rest");
        sent.update("the rest");
        client.stream.end();
        expect(client.send(chunk)).toBe(0);
        await once(server.stream, "end");
        expect(received.digest("hex")).toBe(sent.digest("hex"));
        client.reset();
        expect(client.send(chunk)).toBe(0);
      });

      it("is handed on by its descriptor, with what nobody has read", async () => {
        const { client, server } = await pair(transport, family);
        client.stream.write("for the next owner");
        const descriptor = server.release();
        const next = descriptor === undefined ? undefined : world.server.adopt(descriptor);
        if (next === undefined) throw new Error("not handed on");
        track(next);
        expect(await take(next.stream, 18)).toEqual(Buffer.from("for the next owner"));
        expect([next.local, next.remote]).toEqual([server.local, server.remote]);
        next.stream.end("answer");
        expect(await takeAll(client.stream)).toEqual(Buffer.from("answer"));
        client.reset();
        expect(client.release()).toBeUndefined();
      });

      it("makes a writer wait whose reader does not read", async () => {
        const { client } = await pair(transport, family);
        const chunk = Buffer.alloc(64 << 10);
        let [written, waiting] = [0, false];
        // Far above what both kernels' buffers hold together.
        const far = 256 << 20;
        while (written < far && !waiting) {
          written += chunk.length;
          if (!client.stream.write(chunk)) waiting = !(await within(500, once(client.stream, "drain")));
        }
        expect(waiting).toBe(true);
      });

      it("refuses a closed port", async () => {
        const listener = await listen(transport, SERVER[family]);
        await listener.close();
        expect(await refusal(dial({ transport, remote: listener.local }))).toBe("network ECONNREFUSED");
      });

      it("gives up after its time limit where nobody answers, and when told to", async () => {
        const { local: remote } = await listen(transport, SERVER[family]);
        await world.silence(true);
        expect(await refusal(dial({ transport, remote, timeoutMs: 200 }))).toBe("network ETIMEDOUT");
        const abort = new AbortController();
        const attempt = dial({ transport, remote, signal: abort.signal });
        setImmediate(() => abort.abort());
        expect(await refusal(attempt)).toBe("network aborted");
        expect(await refusal(dial({ transport, remote, signal: abort.signal }))).toBe("network aborted");
      });

      it("does not lose what was written into silence", async () => {
        const { client, server } = await pair(transport, family);
        await world.silence(true);
        client.stream.write("later");
        expect(await within(100, once(server.stream, "readable"))).toBe(false);
        await world.silence(false);
        expect(await take(server.stream, 5)).toEqual(Buffer.from("later"));
      });

      it("binds to a device and to an own address", async () => {
        const { local: remote } = await listen(transport, SERVER[family]);
        const bound = await dial({ transport, remote, device: world.device, localAddress: CLIENT[family] });
        expect(bound.local.address).toBe(CLIENT[family]);
      });

      it("leaves from the port it is told, again and again, but not twice at a time", async () => {
        const { local: remote } = await listen(transport, SERVER[family]);
        const from = { transport, remote, localAddress: CLIENT[family], localPort: 40_001 };
        await world.silence(true);
        for (const timeoutMs of [100, 100]) {
          const first = refusal(dial({ ...from, timeoutMs }));
          expect(await refusal(dial(from))).toBe("config EADDRINUSE");
          expect(await first).toBe("network ETIMEDOUT");
        }
        await world.silence(false);
        expect((await dial(from)).local).toEqual({ address: CLIENT[family], port: 40_001 });
      });

      it("refuses a device that is not there and addresses that are not ours", async () => {
        const { local: remote } = await listen(transport, SERVER[family]);
        expect(await refusal(dial({ transport, remote, device: "nosuchdev" }))).toBe("config ENODEV");
        const localAddress = SERVER[family];
        expect(await refusal(dial({ transport, remote, localAddress }))).toBe("config EADDRNOTAVAIL");
        const otherFamily = CLIENT[family === "v4" ? "v6" : "v4"];
        expect(await refusal(dial({ transport, remote, localAddress: otherFamily }))).toBe(
          "config EAFNOSUPPORT",
        );
        expect(await refusal(listen(transport, CLIENT[family]))).toBe("config EADDRNOTAVAIL");
      });

      it("refuses a port that is taken, also by the other transport or a wildcard, until it is free", async () => {
        const first = await listen(transport, SERVER[family]);
        const { port } = first.local;
        for (const other of TRANSPORTS) {
          expect(await refusal(listen(other, SERVER[family], port))).toBe("config EADDRINUSE");
          expect(await refusal(listen(other, "::", port))).toBe("config EADDRINUSE");
        }
        await first.close();
        await listen(transport, SERVER[family], port);
      });

      it("lets accepted connections live when the listener closes", async () => {
        const { client, server, listener } = await pair(transport, family);
        await listener.close();
        await listener.close();
        client.stream.write("still here");
        expect(await take(server.stream, 10)).toEqual(Buffer.from("still here"));
        // And their addresses do not keep the port from being used again.
        await listen(transport, SERVER[family], listener.local.port);
      });

      it("knows what it is and what it carried, until it is closed", async () => {
        for (const serverTransport of TRANSPORTS) {
          const { client, server } = await pair(transport, family, serverTransport);
          client.stream.write(Buffer.alloc(5000));
          await take(server.stream, 5000);
          const info = await until(
            () => server.info(),
            (now) => now?.bytesReceived === 5000,
          );
          const mptcp = transport === "mptcp" && serverTransport === "mptcp";
          expect(client.info()?.mptcp).toBe(mptcp);
          expect(info?.mptcp).toBe(mptcp);
          expect(client.info()?.bytesSent).toBe(5000);
          expect(client.info()?.subflows).toHaveLength(1);
          expect(info?.subflows[0]).toMatchObject({ local: server.local, remote: server.remote });
          client.stream.destroy();
          await once(client.stream, "close");
          expect(client.info()).toBeUndefined();
          client.reset();
        }
      });

      it("answers with a reset when it is closed with unread bytes", async () => {
        const { client, server } = await pair(transport, family);
        const failed = errorOf(client.stream);
        // Only what the kernel still holds counts as unread, so more must be there than a stream reads ahead.
        client.stream.write(Buffer.alloc(1 << 20));
        await once(server.stream, "readable");
        server.stream.destroy();
        expect(await failed).toMatch(/^(ECONNRESET|EPIPE)$/);
      });

      it("answers bytes that come after it was closed with a reset, but not over MPTCP", async () => {
        const { client, server } = await pair(transport, family);
        server.stream.destroy();
        const failed = errorOf(client.stream);
        await once(client.stream.resume(), "end");
        const timer = setInterval(() => client.stream.writable && client.stream.write("anyone?"), 5);
        try {
          // Over MPTCP they are taken and forgotten until close_timeout is over: reset() is the way to be heard.
          expect(await within(transport === "tcp" ? TIMEOUT_MS : 300, failed)).toBe(transport === "tcp");
        } finally {
          clearInterval(timer);
        }
      });
    });

    it("carries TLS 1.3", async () => {
      const { client, server } = await pair("mptcp");
      const secure = new TLSSocket(server.stream, { isServer: true, ...(await selfSigned()) });
      const peer = connectTls({ socket: client.stream, rejectUnauthorized: false });
      for (const end of [secure, peer]) end.on("error", () => undefined);
      await once(peer, "secureConnect");
      secure.write(Buffer.alloc(300_000, 5));
      expect(await take(peer, 300_000)).toEqual(Buffer.alloc(300_000, 5));
      expect(peer.getProtocol()).toBe("TLSv1.3");
      expect(client.info()?.bytesReceived).toBeGreaterThan(300_000);
      // Over a net.Socket, Node's TLS takes the kernel's bytes directly; over anything else it copies through here.
      expect(client.stream.listenerCount("data") === 0).toBe(client.stream instanceof Socket);
      const failed = errorOf(peer);
      server.reset();
      expect(await failed).toBe("ECONNRESET");
      await until(
        () => secure.destroyed,
        (destroyed) => destroyed,
      );
    });

    it("shows IPv4 through an IPv6 wildcard, and v4-mapped text, as plain IPv4", async () => {
      const accepted = Promise.withResolvers<Connection>();
      const { local } = await listen("tcp", "::", 0, accepted.resolve);
      const client = await dial({ remote: { address: `::ffff:${SERVER.v4}`, port: local.port } });
      expect(client.remote.address).toBe(SERVER.v4);
      expect((await accepted.promise).local.address).toBe(SERVER.v4);
      expect((await accepted.promise).remote.address).toBe(CLIENT.v4);
    });

    it("does not reach an address that no route leads to", async () => {
      expect(await refusal(dial({ remote: { address: NOWHERE, port: 80 } }))).toMatch(
        /^network (ENETUNREACH|EHOSTUNREACH)$/,
      );
    });

    it("takes addresses and ports only, no names", async () => {
      for (const address of ["localhost", "", "1", "fe80::1%lo", "10.0.0.256"]) {
        expect(await refusal(dial({ remote: { address, port: 80 } }))).toBe("config bad-address");
        expect(await refusal(listen("tcp", address))).toBe("config bad-address");
      }
      for (const port of [-1, 65536, 1.5, Number.NaN]) {
        expect(await refusal(dial({ remote: { address: SERVER.v4, port } }))).toBe("config bad-port");
        expect(await refusal(listen("tcp", SERVER.v4, port))).toBe("config bad-port");
      }
    });

    it("refuses what needs a capability to those without", async () => {
      const { local: remote } = await listen("tcp", SERVER.v4);
      const { unprivileged } = world;
      const marked = unprivileged.dial({ transport: "tcp", remote, mark: 1, timeoutMs: TIMEOUT_MS });
      expect(await refusal(marked)).toBe("kernel EPERM");
      const proxy = unprivileged.listen(
        { transport: "tcp", local: { address: "127.0.0.1", port: 0 }, transparent: true },
        () => undefined,
      );
      expect(await refusal(proxy)).toBe("kernel EPERM");
      expect(await refusal(listen("tcp", CLIENT.v4, 80, undefined, unprivileged))).toBe("kernel EACCES");
      // The same host does serve them otherwise.
      await dial({ remote, mark: 1 });
      track(await unprivileged.dial({ transport: "tcp", remote, timeoutMs: TIMEOUT_MS }));
    });

    it("fails a write after the end, and tolerates every way to close twice", async () => {
      const { client, server } = await pair();
      server.stream.resume();
      const failed = errorOf(client.stream);
      client.stream.end();
      client.stream.write("too late");
      expect(await failed).toBe("ERR_STREAM_WRITE_AFTER_END");
      client.reset();
      client.reset();
      client.stream.destroy();
      expect(client.info()).toBeUndefined();
    });

    it("accepts hundreds of simultaneous connections", async () => {
      let accepted = 0;
      const { local: remote } = await listen("mptcp", SERVER.v4, 0, () => accepted++);
      await Promise.all(Array.from({ length: 300 }, () => dial({ transport: "mptcp", remote })));
      const all = await until(
        () => accepted,
        (count) => count >= 300,
      );
      expect(all).toBe(300);
    });
  });
}

/** Exactly `length` bytes; what came with the last of them is given back. */
async function take(stream: Duplex, length: number): Promise<Buffer> {
  let taken = Buffer.alloc(0);
  while (taken.length < length) {
    const chunk = stream.read() as Buffer | null;
    if (chunk === null) await once(stream, "readable");
    else taken = Buffer.concat([taken, chunk]);
  }
  if (taken.length > length) stream.unshift(taken.subarray(length));
  return taken.subarray(0, length);
}

async function takeAll(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(stream, "end");
  return Buffer.concat(chunks);
}

/** The code of the first error; `end` where the stream closes without one. */
function errorOf(stream: Duplex): Promise<string> {
  return new Promise((resolve) => {
    stream.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    stream.on("close", () => resolve("closed without an error"));
  });
}

/** A throw-away certificate with its key. */
async function selfSigned(): Promise<{ readonly cert: string; readonly key: string }> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({ name: "CN=test", keys });
  const key = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return {
    cert: certificate.toString("pem"),
    key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`,
  };
}

/** Whether `event` happens within `ms`. */
async function within(ms: number, event: Promise<unknown>): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), ms);
  const happened = await Promise.race([
    event.then(
      () => true,
      () => false,
    ),
    late.promise,
  ]);
  clearTimeout(timer);
  return happened;
}

/** The first value of `look` that satisfies `good`, or the last one seen within two seconds. */
async function until<T>(look: () => T, good: (value: T) => boolean): Promise<T> {
  const end = performance.now() + 2000;
  for (;;) {
    const value = look();
    if (good(value)) return value;
    if (performance.now() > end) throw new Error(`still ${JSON.stringify(value)} after 2 s`);
    await turn();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
