import { randomBytes } from "node:crypto";
import { connect, type ConnectionOptions } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Closer } from "../../src/base/closer.ts";
import { bonded } from "../../src/lab/pair.ts";
import { expectedSha256 } from "../../src/lab/services/bytes.ts";
import { formatEndpoint, type Connection } from "../../src/linux/sockets.ts";
import { FrameType, HEADER_BYTES, MAX_CONTROL_BYTES } from "../../src/wire/constants.ts";
import { encodeFrame, writeHeader } from "../../src/wire/frames.ts";
import { dataHeader } from "../relay/dataheader.ts";
import { encodeToken, type JoinToken } from "../../src/wire/token.ts";
import { download, type Received } from "./http.ts";
import { openSite, WEB, type Site } from "./site.ts";
import { createKey, invitation, knock, Stranger } from "./stranger.ts";
import { until } from "./until.ts";

/*
 * Everybody on the internet may knock at the server's port.
 *
 *   users --- mikrotik --- router ==fibre== core --- server
 *                                 ===lte=== (strangers)
 */
const closer = new Closer();
let site: Site;
let token: JoinToken;

beforeAll(async () => {
  site = await openSite(closer);
  await site.pair.start("server");
  await site.pair.until("server", ({ state }) => state.name === "up");
  token = await invitation(site.pair, "router");
});
afterAll(() => closer.close());

/** HELLO must be there by then (the server's own limit), and a busy machine may be late. */
const LIMIT_MS = 10_000 + 3000;

const join = (text: JoinToken): Promise<string> =>
  site.pair.sennit("router", ["router", "join", "-"], encodeToken(text));

it("a router turns away from a server that has another key than its token says", async () => {
  await join({ ...token, serverPin: randomBytes(32) });
  await site.pair.start("router");
  await site.log.until(
    ({ name, code }) => name === "router-data" && code === "wrong-server-key",
    0,
    LIMIT_MS,
  );
  const knows = ({ problems }: { problems: readonly { message: string }[] }): boolean =>
    problems.some(({ message }) => message.includes("the server's key is not the one in the join token"));
  const status = await site.pair.until("router", knows);
  expect(status).toMatchObject({ state: { name: "down" }, carriers: [] });
  await site.pair.stop("router");
});

describe("while a user downloads", () => {
  const size = 60_000_000;
  const progress = { bytes: 0 };
  let downloading: Promise<Received>;

  beforeAll(async () => {
    await join(token);
    await site.pair.start("router");
    await site.pair.until("router", bonded);
    // The download is to last longer than the most patient stranger.
    await site.lab.fault("rate", "fibre:down", "20 Mbit/s");
    await site.lab.fault("rate", "lte:down", "10 Mbit/s");
    downloading = download({ from: site.sockets("users"), to: WEB.v4 }, size, "hostile", progress);
    downloading.catch(() => undefined);
    await until(
      () => progress.bytes,
      (bytes) => bytes > 0,
    );
  });

  /** Waits for the end of the connection and the line about it in the log. */
  async function refused(name: string, closed: () => boolean, lines: number): Promise<object> {
    await until(closed, (yes) => yes, LIMIT_MS);
    return site.log.until(({ msg, remote }) => msg === "refused" && remote === name, lines, LIMIT_MS);
  }

  const bare: Readonly<Record<string, readonly [act: (connection: Connection) => void, code: string]>> = {
    "says nothing": [() => undefined, "hello-timeout"],
    "speaks HTTP": [({ stream }) => stream.write("GET / HTTP/1.1\r\nhost: server\r\n\r\n"), "plain-http"],
    "speaks SSH": [({ stream }) => stream.write("SSH-2.0-OpenSSH_9.2p1\r\n"), "not-tls"],
    "leaves at once": [({ stream }) => stream.end(), "not-tls"],
    "speaks TLS without ALPN": [(connection) => shake(connection, {}), "not-sennit"],
    "speaks TLS for HTTP/2": [(connection) => shake(connection, { ALPNProtocols: ["h2"] }), "not-sennit"],
    "speaks TLS 1.2": [
      (connection) => shake(connection, { ALPNProtocols: ["sennit/1"], maxVersion: "TLSv1.2" }),
      "not-tls",
    ],
  };

  it.concurrent.each(Object.entries(bare))("turns away a stranger that %s", async (_, [act, code]) => {
    const lines = site.log.lines.length;
    const connection = await knock(site.sockets("core"));
    let closed = false;
    // Half-open: that the server has ended must end us too.
    connection.stream.on("end", () => connection.stream.destroy()).on("close", () => (closed = true));
    connection.stream.on("error", () => undefined).resume();
    act(connection);
    const line = await refused(formatEndpoint(connection.local), () => closed, lines);
    expect(line).toMatchObject({ level: "warn", name: "server-data", code, why: expect.any(String) });
  });

  /** With code and whether the stranger is told: who speaks our frames is. */
  const strange: Readonly<
    Record<string, readonly [act: (stranger: Stranger) => void, code: string, told: boolean]>
  > = {
    "says nothing after TLS": [() => undefined, "hello-timeout", false],
    "stops in the middle of HELLO": [
      (peer) => peer.stream.end(encodeFrame({ kind: "hello", body: peer.helloBody() }).subarray(0, 60)),
      "truncated",
      false,
    ],
    "sends a HELLO that is too short": [
      (peer) => peer.stream.write(encodeFrame({ kind: "hello", body: peer.helloBody().subarray(0, 60) })),
      "truncated",
      true,
    ],
    "is not known": [(peer) => peer.hello(), "hello-unknown-router", true],
    "signs with another key": [(peer) => peer.hello({}, createKey(), createKey()), "hello-signature", true],
    "brings a token that was used": [(peer) => peer.hello({ invite: token.invite }), "hello-invite", true],
    "brings a made-up token": [
      (peer) => peer.hello({ invite: { id: randomBytes(8), secret: randomBytes(24) } }),
      "hello-invite",
      true,
    ],
    "speaks another version": [(peer) => peer.hello({ versionMin: 7, versionMax: 9 }), "hello-version", true],
    "sends an unknown frame": [(peer) => peer.stream.write(header(0x7f, 0)), "unknown-frame", false],
    "sends an oversize frame": [
      (peer) => peer.stream.write(header(FrameType.HELLO, MAX_CONTROL_BYTES + 1)),
      "oversize-frame",
      false,
    ],
    "sends data first": [
      (peer) => peer.stream.write(Buffer.concat([dataHeader(1, 0, 5), Buffer.from("hello")])),
      "malformed",
      false,
    ],
    "sends PING first": [
      (peer) => peer.stream.write(encodeFrame({ kind: "ping", nonce: 1 })),
      "malformed",
      true,
    ],
  };

  it.concurrent.each(Object.entries(strange))("turns away a router that %s", async (_, [act, code, told]) => {
    const lines = site.log.lines.length;
    const stranger = await Stranger.dial(site.sockets("core"));
    act(stranger);
    const line = await refused(stranger.name, () => stranger.closed, lines);
    expect(line).toMatchObject({ level: "warn", name: "server-data", code, why: expect.any(String) });
    expect(stranger.heard.map(({ kind }) => kind)).toEqual(told ? ["reject"] : []);
  });

  const spoilt: Readonly<Record<string, readonly [bytes: Buffer, why: RegExp]>> = {
    garbage: [Buffer.alloc(100_000, 0xee), /offset beyond/],
    "an unknown frame": [header(0x7f, 0), /unknown frame/],
    "an oversize frame": [header(FrameType.RESET, MAX_CONTROL_BYTES + 1), /allowed are/],
    "a second HELLO": [
      encodeFrame({ kind: "hello", body: Buffer.alloc(0) }),
      /hello on an established carrier/,
    ],
  };

  it.concurrent.each(Object.entries(spoilt))(
    "drops a carrier that was let in and then sends %s",
    async (what, [bytes, why]) => {
      const lines = site.log.lines.length;
      const stranger = await Stranger.dial(site.sockets("core"));
      await stranger.enter(await invitation(site.pair, what));
      stranger.stream.write(bytes);
      await until(
        () => stranger.closed,
        (yes) => yes,
      );
      const line = await site.log.until(
        ({ msg, router }) => msg === "carrier lost" && router === what,
        lines,
      );
      expect(line).toMatchObject({ level: "warn", why: expect.stringMatching(why) });
    },
  );

  it("the user has noticed nothing of it", async () => {
    expect(progress.bytes).toBeLessThan(size);
    await site.lab.heal();
    expect(await downloading).toEqual({ bytes: size, sha256: expectedSha256(size, "hostile") });
    const { carriers } = await site.pair.status("router");
    expect(carriers).toHaveLength(6);
    const { data } = await site.pair.status("server");
    expect(data).toMatchObject({ restarts: 0 });
  });
});

/** A TLS handshake that does not look at the server's certificate. */
function shake({ stream }: Connection, options: ConnectionOptions): void {
  const socket = connect({ ...options, socket: stream, rejectUnauthorized: false });
  socket.on("error", () => undefined).on("end", () => socket.destroy());
  socket.resume();
}

/** A frame's header without its body. */
function header(type: number, length: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  writeHeader(bytes, 0, type, 0, length, 0, 0);
  return bytes;
}
