import { createHash } from "node:crypto";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { Closer } from "../../src/base/closer.ts";
import { expectedSha256, seededBytes } from "../../src/lab/services/bytes.ts";
import type { Connection } from "../../src/linux/sockets.ts";
import { get, hello, type Ask } from "./http.ts";
import { openSite, SERVER, WEB, type Site } from "./site.ts";
import { until } from "./until.ts";

/*
 * What TCP promises its users, between a user and a program on the web host.
 *
 *   users --- mikrotik --- router ==fibre== server --- web
 *                                 ===lte===
 */
const closer = new Closer();
let site: Site;

beforeAll(async () => {
  site = await openSite(closer);
  await site.pair.up();
});
afterAll(() => closer.close());

const MB = 1_000_000;
const CONNECT_MS = 10_000;
/** A port that a firewall on the web host rejects. */
const REJECTED_PORT = 81;

/** A program on the web host, on a port of its own. */
async function serve(onConnection: (connection: Connection) => void): Promise<number> {
  const local = { address: "::", port: 0 };
  const listener = await site.sockets("web").listen({ transport: "tcp", local }, (connection) => {
    ignoreLateErrors(connection);
    onConnection(connection);
  });
  closer.add("listener", () => listener.close());
  return listener.local.port;
}

async function dial(address: string, port: number): Promise<Connection> {
  const remote = { address, port };
  return ignoreLateErrors(
    await site.sockets("users").dial({ transport: "tcp", remote, timeoutMs: CONNECT_MS }),
  );
}

/** Who waits for an error still hears it; nobody has to, when all of it is torn down. */
function ignoreLateErrors(connection: Connection): Connection {
  connection.stream.on("error", () => undefined);
  return connection;
}

/** With which error the stream ended; "end" where it had none. */
async function endOf(stream: Duplex): Promise<string> {
  stream.resume();
  try {
    await once(stream, "close");
    return "end";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/** All that comes until the other end has said all. Not by an iterator, which would end our own half too. */
async function readAll(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(stream, "end");
  return Buffer.concat(chunks);
}

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

describe.each(["v4", "v6"] as const)("over %s", (family) => {
  const web = WEB[family];

  it("half-closes: a client that has said all gets the whole answer", async () => {
    const port = await serve(({ stream }) => {
      // Says nothing before it has heard everything.
      void readAll(stream).then((question) =>
        stream.end(Buffer.concat([question, ...seededBytes(MB, "answer")])),
      );
    });
    const { stream } = await dial(web, port);
    stream.end("all");
    const answer = await readAll(stream);
    expect(answer.subarray(0, 3).toString()).toBe("all");
    expect(sha256(answer.subarray(3))).toBe(expectedSha256(MB, "answer"));
  });

  it("half-closes: a target that has said all hears the client out", async () => {
    const heard = Promise.withResolvers<Buffer>();
    const port = await serve(({ stream }) => {
      stream.end("bye");
      readAll(stream).then(heard.resolve, heard.reject);
    });
    const { stream } = await dial(web, port);
    expect((await readAll(stream)).toString()).toBe("bye");
    for (const chunk of seededBytes(MB, "late")) stream.write(chunk);
    stream.end();
    expect(sha256(await heard.promise)).toBe(expectedSha256(MB, "late"));
  });

  it("shows the client a reset of the target's", async () => {
    const port = await serve((connection) => {
      connection.stream.once("data", () => connection.reset());
    });
    const { stream } = await dial(web, port);
    stream.write("anything");
    expect(await endOf(stream)).toBe("ECONNRESET");
  });

  it("shows the target a reset of the client's", async () => {
    const ended = Promise.withResolvers<string>();
    const port = await serve(({ stream }) => {
      stream.write("welcome");
      endOf(stream).then(ended.resolve, ended.reject);
    });
    const client = await dial(web, port);
    await once(client.stream, "data");
    client.reset();
    expect(await ended.promise).toBe("ECONNRESET");
  });

  it("lets the target speak first", async () => {
    const port = await serve(({ stream }) => {
      stream.write("220 ready\r\n");
      stream.once("data", (bytes: Buffer) => stream.end(`250 ${bytes.toString()}`));
    });
    const { stream } = await dial(web, port);
    stream.once("data", () => stream.write("HELO"));
    expect((await readAll(stream)).toString()).toBe("220 ready\r\n250 HELO");
  });

  it("tells a refused port by a reset at first, then by ECONNREFUSED", async () => {
    const port = 4000;
    const { stream } = await dial(web, port);
    expect(await endOf(stream)).toBe("ECONNRESET");
    await until(
      () => dialError(web, port),
      (code) => code === "ECONNREFUSED",
    );
    expect(await negative(family === "v4" ? "refused4" : "refused6")).toEqual({
      timeout: 10,
      elem: [
        { elem: { val: { concat: [web, port] }, expires: expect.toSatisfy((left: number) => left <= 10) } },
      ],
    });
    // Nobody else on that host is concerned.
    expect(await hello({ from: site.sockets("users"), to: web })).toBe(SERVER[family]);
  });

  it("tells an unreachable address by a reset at first, then by EHOSTUNREACH", async () => {
    const nobody = family === "v4" ? "203.0.113.99" : "2001:db8:80::99";
    const { stream } = await dial(nobody, 80);
    expect(await endOf(stream)).toBe("ECONNRESET");
    await until(
      () => dialError(nobody, 80),
      (code) => code === "EHOSTUNREACH",
    );
    expect(await negative(family === "v4" ? "unreachable4" : "unreachable6")).toEqual({
      timeout: 10,
      elem: [
        { elem: { val: { concat: [nobody, 80] }, expires: expect.toSatisfy((left: number) => left <= 10) } },
      ],
    });
  });

  it("closes only the port that a firewall rejects in the name of the whole host", async () => {
    const onWeb = site.lab.exec("web");
    const chain = "type filter hook input priority filter; policy accept;";
    // icmpx means what fits the family.
    const rule = `tcp dport ${REJECTED_PORT} reject with icmpx host-unreachable`;
    await onWeb(["nft", "-f", "-"], {
      input: `table inet firewall {\nchain input {\n${chain}\n${rule}\n}\n}\n`,
    });
    try {
      await until(
        () => dialError(web, REJECTED_PORT),
        (code) => code === "EHOSTUNREACH",
      );
      expect(await hello({ from: site.sockets("users"), to: web })).toBe(SERVER[family]);
    } finally {
      await onWeb(["nft", "delete", "table", "inet", "firewall"]);
    }
  });
});

/** With which error a dial fails; "connected" where it does not. */
async function dialError(address: string, port: number): Promise<string> {
  try {
    const { stream } = await dial(address, port);
    stream.destroy();
    return "connected";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

const listing = z.object({
  nftables: z.array(
    z.object({
      set: z
        .object({
          timeout: z.number(),
          elem: z.array(z.object({ elem: z.object({ val: z.unknown(), expires: z.number() }) })),
        })
        .optional(),
    }),
  ),
});

/** One of the negative cache's sets in the router's kernel; times in seconds. */
async function negative(set: string): Promise<unknown> {
  const { stdout } = await site.lab.exec("router")(["nft", "-j", "list", "set", "inet", "sennit", set]);
  return listing.parse(JSON.parse(stdout)).nftables.find((item) => item.set !== undefined)?.set;
}

it("carries a megabyte that the client says before the target is connected", async () => {
  // SYN and SYN-ACK take this long each: the client is done with its megabyte before.
  await site.lab.link("web").set({ delay: "300 ms" });
  closer.add("delay", () => site.lab.link("web").set({ delay: "1 ms" }));
  const heard = Promise.withResolvers<Buffer>();
  let connected = false;
  const port = await serve(({ stream }) => {
    connected = true;
    readAll(stream).then(heard.resolve, heard.reject);
  });
  const { stream } = await dial(WEB.v4, port);
  const early = Buffer.concat([...seededBytes(MB, "early")]);
  await new Promise<void>((resolve) => stream.end(early, resolve));
  expect(connected).toBe(false);
  expect(sha256(await heard.promise)).toBe(expectedSha256(MB, "early"));
  await site.lab.link("web").set({ delay: "1 ms" });
});

it("keeps little in memory for a user who stops reading, holds up nobody else, and loses nothing", async () => {
  const user: Ask = { from: site.sockets("users"), to: WEB.v4 };
  const [size, part] = [200 * MB, 30 * MB];
  const [before, moved] = [await memory(), await linkBytes()];
  const answer = await get(user, `/bytes/${size}?seed=slow`);
  await linksAreQuiet();
  expect((await memory()) - before).toBeLessThan(64 * 1024 ** 2);
  expect((await linkBytes()) - moved).toBeLessThan(size / 2);

  const started = performance.now();
  await hello(user);
  expect(performance.now() - started).toBeLessThan(1000);

  const chunks: Buffer[] = [];
  let received = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    if ((received += chunk.length) >= part) break;
  }
  expect(sha256(Buffer.concat(chunks).subarray(0, part))).toBe(expectedSha256(part, "slow"));
});

/** Resident bytes of all four processes. */
async function memory(): Promise<number> {
  const reports = await Promise.all([site.pair.status("router"), site.pair.status("server")]);
  return reports.reduce((sum, report) => sum + report.memory.rssBytes, 0);
}

/** Bytes that came over both WANs so far. */
async function linkBytes(): Promise<number> {
  const links = await Promise.all(["fibre", "lte"].map((name) => site.lab.link(name).counters()));
  return links.reduce((sum, { down }) => sum + down.bytes, 0);
}

/** Settles when every buffer on the way is full: nothing but keepalives moves for a second. */
async function linksAreQuiet(): Promise<void> {
  let [since, bytes] = [performance.now(), 0];
  const quietMs = async (): Promise<number> => {
    const now = await linkBytes();
    if (now > bytes + 100_000) [since, bytes] = [performance.now(), now];
    return performance.now() - since;
  };
  await until(quietMs, (ms) => ms > 1000, 30_000);
}
