import { once } from "node:events";
import { duplexPair, type Duplex } from "node:stream";
import { connect as tlsConnect, type ConnectionOptions } from "node:tls";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createKey, CONTEXT, Door, PIN, ROUTER, SERVER, TODAY } from "../../test/relay/door.ts";
import { settle, until } from "../../test/relay/until.ts";
import { ALPN, Reject } from "../wire/constants.ts";
import { encodeFrame, type Frame } from "../wire/frames.ts";
import { dataHeader } from "../../test/relay/dataheader.ts";
import { decodeReject, encodeHello, rawPublicKey, type HelloFields } from "../wire/hello.ts";
import type { CarrierUser } from "./carrier.ts";
import { acceptHandshake, dialHandshake } from "./handshake.ts";
import { tlsAccept } from "./tls.ts";

const SESSION = Buffer.alloc(16, 5);
/** More than any time limit of the door. */
const LONG_MS = 20_000;

let door: Door;
beforeEach(async () => {
  door = new Door();
  await door.open();
});
afterEach(async () => {
  await door.close();
  door.clock.advance(LONG_MS);
  await until("all connections are closed", () => door.network.links.length === 0);
});

const dialling = (signal = new AbortController().signal) =>
  ({
    transport: "mptcp",
    clock: door.clock,
    signal,
    invite: undefined,
    pin: PIN,
    session: SESSION,
    number: 1,
    privateKey: door.router.key,
  }) as const;

/** Everyone else still gets in. */
async function othersComeIn(): Promise<void> {
  const session = await door.join();
  expect(session.carriers.size).toBe(1);
  session.close();
}

describe("a router that is known", () => {
  test("comes in, and both ends know the carrier", async () => {
    const session = await door.join({ number: 7 });
    const [peer] = [...door.acceptor.sessions];
    expect(peer?.router).toEqual({ id: door.router.id, name: "home" });
    expect([...(peer?.session.carriers ?? [])].map(({ number }) => number)).toEqual([7]);
    expect([...session.carriers][0]).toMatchObject({ number: 7, transport: "mptcp" });
    session.close();
    await until("the server's session ends with its last carrier", () => door.ended.length === 1);
    expect([...door.acceptor.sessions]).toEqual([]);
  });

  test("has one session over several carriers, and another after it lost its memory", async () => {
    const session = await door.join({ number: 1 });
    await door.join({ session, number: 2 });
    expect([...door.acceptor.sessions].map((peer) => peer.session.carriers.size)).toEqual([2]);
    const again = await door.join();
    expect([...door.acceptor.sessions].map((peer) => peer.session.carriers.size)).toEqual([2, 1]);
    session.close();
    again.close();
    await until("both have ended", () => door.ended.length === 2);
  });
});

describe("a router that is not known", () => {
  test("is turned away without an invitation, and both ends say so", async () => {
    await expect(door.join({ key: createKey().key })).rejects.toMatchObject({
      code: "hello-unknown-router",
      causeClass: "peer",
      message: expect.stringContaining("is not known here"),
    });
    await until("the log says it", () => door.refusals.length === 1);
    expect(door.refusals).toEqual(["hello-unknown-router"]);
    await othersComeIn();
  });

  test("comes in by an invitation, once; again with the same key, not with another", async () => {
    const invite = door.invite();
    const guest = createKey();
    const session = await door.join({ key: guest.key, invite });
    expect(door.admission.enrolments.map(({ router }) => router)).toEqual([{ id: guest.id, name: "cabin" }]);
    await door.join({ key: guest.key, invite, session, number: 2 });
    await expect(door.join({ key: createKey().key, invite })).rejects.toMatchObject({ code: "hello-invite" });
    session.close();
  });

  test("is turned away with a wrong secret and with an expired invitation", async () => {
    const invite = door.invite();
    const wrong = { id: invite.id, secret: Buffer.alloc(24) };
    await expect(door.join({ key: createKey().key, invite: wrong })).rejects.toMatchObject({
      code: "hello-invite",
      message: expect.stringContaining("not known here, or was used before"),
    });
    door.today = TODAY + 2;
    await expect(door.join({ key: createKey().key, invite })).rejects.toMatchObject({
      code: "hello-invite",
      message: expect.stringContaining("expired"),
    });
    expect(door.admission.enrolments).toEqual([]);
  });
});

describe("a server that is not the pinned one", () => {
  test("hears no HELLO", async () => {
    await expect(door.join({ pin: Buffer.alloc(32) })).rejects.toMatchObject({
      code: "wrong-server-key",
      causeClass: "peer",
    });
    await until("the server has noticed", () => door.refusals.length === 1);
    expect(["hello-missing", "not-tls"]).toContain(door.refusals[0]);
  });

  test("without our protocol is told from a network fault", async () => {
    const web = door.network.host("web", { addresses: ["192.0.2.80"] });
    await web.listen({ transport: "tcp", local: { address: "192.0.2.80", port: 443 } }, ({ stream }) => {
      stream.on("error", () => undefined).on("data", () => stream.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    });
    const connection = await door.client.dial({
      transport: "tcp",
      remote: { address: "192.0.2.80", port: 443 },
      timeoutMs: 1000,
    });
    const dialled = dialHandshake(connection, {
      ...dialling(),
      adopt: () => undefined,
    });
    await expect(dialled).rejects.toMatchObject({ code: "not-tls", causeClass: "peer" });
  });
});

describe("a HELLO", () => {
  const hello = (fields: Partial<HelloFields>, exporter: Buffer): Buffer => {
    const routerKey = rawPublicKey(door.router.key);
    const all = { session: SESSION, carrier: 1, routerKey, invite: undefined, ...fields };
    return encodeHello(all, door.router.key, exporter);
  };

  /** Says `bytes` after a TLS handshake in order; what the server answers and notes. */
  async function say(
    bytes: (exporter: Buffer) => Buffer,
    then: (stream: Duplex) => void = () => undefined,
  ): Promise<{ readonly heard: readonly Frame[]; readonly code: unknown }> {
    const { stream, heard, exporter } = await door.shake();
    stream.write(bytes(exporter));
    then(stream);
    await until("the server has hung up", () => stream.readableEnded || stream.destroyed);
    stream.destroy();
    await until("the log says it", () => door.refusals.length === 1);
    await othersComeIn();
    return { heard, code: door.refusals[0] };
  }

  const rejected = (heard: readonly Frame[]): unknown[] =>
    heard.map((frame) => (frame.kind === "reject" ? decodeReject(frame.body).code : frame.kind));

  test("signed by another key than it names is answered with REJECT", async () => {
    const routerKey = rawPublicKey(createKey().key);
    const { heard, code } = await say((exporter) =>
      encodeFrame({ kind: "hello", body: hello({ routerKey }, exporter) }),
    );
    expect(code).toBe("hello-signature");
    expect(rejected(heard)).toEqual([Reject.SIGNATURE]);
  });

  test("from another connection is answered with REJECT", async () => {
    const { heard, code } = await say(() =>
      encodeFrame({ kind: "hello", body: hello({}, Buffer.alloc(32)) }),
    );
    expect(code).toBe("hello-signature");
    expect(rejected(heard)).toEqual([Reject.SIGNATURE]);
  });

  test("of versions to come is answered with REJECT, whatever else it says", async () => {
    const body = Buffer.concat([Buffer.of(2, 3), Buffer.alloc(300)]);
    const { heard, code } = await say(() => encodeFrame({ kind: "hello", body }));
    expect(code).toBe("hello-version");
    expect(rejected(heard)).toEqual([Reject.VERSION]);
  });

  test("of a broken form is answered with REJECT", async () => {
    const { heard, code } = await say((exporter) =>
      encodeFrame({ kind: "hello", body: hello({}, exporter).subarray(0, 100) }),
    );
    expect(code).toBe("truncated");
    expect(rejected(heard)).toEqual([Reject.MALFORMED]);
  });

  test("that is none but another frame is answered with REJECT", async () => {
    const { heard, code } = await say(() => encodeFrame({ kind: "ping", nonce: 1 }));
    expect(code).toBe("malformed");
    expect(rejected(heard)).toEqual([Reject.MALFORMED]);
  });

  test("cut off in the middle is refused", async () => {
    const { heard, code } = await say(
      (exporter) => encodeFrame({ kind: "hello", body: hello({}, exporter) }).subarray(0, 50),
      (stream) => stream.end(),
    );
    expect(code).toBe("truncated");
    expect(heard).toEqual([]);
  });

  test("that never comes is refused when the client leaves", async () => {
    const { code } = await say(
      () => Buffer.alloc(0),
      (stream) => stream.end(),
    );
    expect(code).toBe("hello-missing");
  });

  test("after DATA is refused", async () => {
    const { code } = await say(() => Buffer.concat([dataHeader(1, 0, 4), Buffer.from("data")]));
    expect(code).toBe("malformed");
  });

  test.each([
    ["an unknown frame", Buffer.from(`7f${"00".repeat(15)}`, "hex"), "unknown-frame"],
    ["an oversize frame", Buffer.from(`01000401${"00".repeat(12)}`, "hex"), "oversize-frame"],
  ])("that is %s is refused", async (_, bytes, expected) => {
    const { code } = await say(() => bytes);
    expect(code).toBe(expected);
  });

  test("that takes too long is refused, whether TLS was spoken or not", async () => {
    const silent = await door.connect();
    silent.stream.on("error", () => undefined);
    const { stream, heard } = await door.shake();
    door.clock.advance(9_999);
    await settle();
    expect(door.refusals).toEqual([]);
    door.clock.advance(1);
    await until("both are refused", () => door.refusals.length === 2);
    expect(door.refusals).toEqual(["hello-timeout", "hello-timeout"]);
    expect(heard).toEqual([]);
    await until("the client sees the end", () => stream.destroyed || stream.readableEnded);
    silent.stream.destroy();
    stream.destroy();
    await othersComeIn();
  });

  test("and frames right behind it are one stream", async () => {
    const { stream, heard, exporter } = await door.shake();
    const bytes = Buffer.concat([
      encodeFrame({ kind: "hello", body: hello({}, exporter) }),
      encodeFrame({ kind: "ping", nonce: 1 }),
      encodeFrame({ kind: "ping", nonce: 2 }),
    ]);
    stream.write(bytes);
    await until("three answers", () => heard.length === 3);
    expect(heard.slice(1)).toEqual([
      { kind: "pong", nonce: 1 },
      { kind: "pong", nonce: 2 },
    ]);
    expect(heard[0]?.kind).toBe("welcome");
    stream.end();
    stream.destroy();
  });
});

describe("what else comes to the port", () => {
  async function refused(speak: (stream: Duplex) => void): Promise<unknown> {
    const { stream } = await door.connect();
    stream.on("error", () => undefined).resume();
    speak(stream);
    await until("the server refuses", () => door.refusals.length === 1);
    stream.destroy();
    await othersComeIn();
    return door.refusals[0];
  }
  const tls = (options: ConnectionOptions) => (stream: Duplex) => {
    tlsConnect({ socket: stream, rejectUnauthorized: false, ...options }).on("error", () => undefined);
  };

  test("a plain HTTP request is told as such", async () => {
    expect(await refused((stream) => stream.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))).toBe("plain-http");
  });

  test("bytes that mean nothing are not TLS", async () => {
    expect(await refused((stream) => stream.write(Buffer.alloc(500, 0x5a)))).toBe("not-tls");
  });

  test("a connection that ends at once is not TLS", async () => {
    expect(await refused((stream) => stream.end())).toBe("not-tls");
  });

  test("a browser is not Sennit", async () => {
    expect(await refused(tls({}))).toBe("not-sennit");
  });

  test("another protocol over TLS is not Sennit", async () => {
    expect(await refused(tls({ ALPNProtocols: ["h2", "http/1.1"] }))).toBe("not-sennit");
  });

  test("TLS 1.2 is refused", async () => {
    expect(await refused(tls({ ALPNProtocols: [ALPN], maxVersion: "TLSv1.2" }))).toBe("not-tls");
  });

  test("TLS broken right behind the handshake ends that connection and nothing else", async () => {
    const { stream } = await door.connect();
    const [near, far] = duplexPair();
    const broken = Buffer.concat([Buffer.from("1703030020", "hex"), Buffer.alloc(32, 1)]);
    // The client's second flight ends the handshake; the broken record goes in the same bytes.
    let flights = 0;
    far.on("data", (bytes: Buffer) => stream.write(++flights === 2 ? Buffer.concat([bytes, broken]) : bytes));
    stream.on("error", () => undefined).pipe(far);
    const client = tlsConnect({ socket: near, rejectUnauthorized: false, ALPNProtocols: [ALPN] });
    client.on("error", () => undefined);
    await until("the server refuses", () => door.refusals.length === 1);
    expect(door.refusals).toEqual(["bad-record"]);
    client.destroy();
    stream.destroy();
    await othersComeIn();
  });

  test("too many at a time are turned away at once", async () => {
    const connections = await Promise.all(Array.from({ length: 1030 }, () => door.connect()));
    for (const { stream } of connections) stream.on("error", () => undefined);
    const full = (): number =>
      door.log.lines.filter(({ message }) => message === "refused: too many handshakes at a time").length;
    await until("six are turned away", () => full() === 6);
    door.clock.advance(10_000);
    await until("the others are, in time", () => door.refusals.length === 1024);
    expect(new Set(door.refusals)).toEqual(new Set(["hello-timeout"]));
    for (const { stream } of connections) stream.destroy();
    await othersComeIn();
  });

  test("nobody gets a ticket, so that every carrier proves who it is", async () => {
    const { stream } = await door.connect();
    const client = tlsConnect({ socket: stream, rejectUnauthorized: false, ALPNProtocols: [ALPN] });
    const heard: string[] = [];
    client.on("session", () => heard.push("ticket")).on("data", () => heard.push("answer"));
    client.on("error", () => undefined);
    await once(client, "secureConnect");
    client.write(encodeFrame({ kind: "goaway" }));
    // A ticket would come first.
    await until("the server has answered", () => heard.length > 0);
    expect(heard[0]).toBe("answer");
    client.destroy();
  });
});

describe("handing over", () => {
  test("frames behind WELCOME in the same bytes are not lost", async () => {
    const server = door.network.host("other", { addresses: ["192.0.2.3"] });
    const accepted: Promise<void>[] = [];
    const nobody: CarrierUser = {
      frame: () => undefined,
      data: () => undefined,
      settle: () => undefined,
      carrierClosed: () => undefined,
    };
    await server.listen({ transport: "tcp", local: { address: "192.0.2.3", port: 443 } }, (connection) => {
      const { signal } = new AbortController();
      const shake = async (): Promise<void> =>
        acceptHandshake(connection, await tlsAccept(connection, CONTEXT, signal), {
          transport: "tcp",
          clock: door.clock,
          signal,
          judge: () => Buffer.alloc(16),
          adopt: (carrier) => {
            carrier.use(nobody);
            for (const nonce of [1, 2, 3]) carrier.send({ kind: "ping", nonce });
          },
        });
      accepted.push(shake());
    });
    const remote = { address: "192.0.2.3", port: 443 };
    const connection = await door.client.dial({ transport: "tcp", remote, timeoutMs: 1000 });
    const heard: Frame[] = [];
    await dialHandshake(connection, {
      ...dialling(),
      adopt: (carrier) => carrier.use({ ...nobody, frame: (frame) => void heard.push(frame) }),
    });
    await until("all three came", () => heard.length === 3);
    expect(heard).toEqual([1, 2, 3].map((nonce) => ({ kind: "ping", nonce })));
    await Promise.all(accepted);
    connection.reset();
  });

  test("a dial that is given up leaves nothing open", async () => {
    const stop = new AbortController();
    const connection = await door.connect();
    const dialled = dialHandshake(connection, {
      ...dialling(stop.signal),
      adopt: () => expect.fail("nobody waits for it"),
    });
    stop.abort(new Error("given up"));
    await expect(dialled).rejects.toThrow("given up");
    await until("it is closed", () => connection.stream.destroyed);
  });
});

describe("the door", () => {
  test("opens on all its endpoints or on none", async () => {
    const other = new Door();
    await expect(other.entrance.open([SERVER, { address: ROUTER, port: 443 }])).rejects.toMatchObject({
      code: "EADDRNOTAVAIL",
    });
    await expect(other.connect()).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await other.open();
    await other.close();
  });

  test("ends all sessions when it closes", async () => {
    const session = await door.join();
    await door.close();
    await until("the router has noticed", () => session.carriers.size === 0);
    expect(door.ended).toHaveLength(1);
    await expect(door.connect()).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});
