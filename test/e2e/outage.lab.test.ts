import { once } from "node:events";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Closer } from "../../src/base/closer.ts";
import { expectedSha256 } from "../../src/lab/services/bytes.ts";
import type { Connection } from "../../src/linux/sockets.ts";
import { download } from "./http.ts";
import { openSite, WEB, type Site } from "./site.ts";
import { until } from "./until.ts";

/*
 *   users --- mikrotik --- router ===fibre=X= cpe-fibre ------------- server --- web
 *                                 ====lte==X= cpe-lte --- cgnat -----
 *
 *   X swallows everything; when it no longer does, both NATs have forgotten all, and have other addresses.
 */
const closer = new Closer();
let site: Site;

beforeAll(async () => {
  site = await openSite(closer);
  await site.pair.up();
});
afterAll(() => closer.close());

const MB = 1_000_000;
const ECHO_PORT = 7;
const TRANSFER = { bytes: 20 * MB, seed: "outage" } as const;

/** A connection whose other end says again what it hears. */
async function echoSession(): Promise<Connection> {
  const local = { address: WEB.v4, port: ECHO_PORT };
  const listener = await site.sockets("web").listen({ transport: "tcp", local }, ({ stream }) => {
    stream.on("error", () => undefined).pipe(stream);
  });
  closer.add("echo", () => listener.close());
  const session = await site.sockets("users").dial({ transport: "tcp", remote: local, timeoutMs: 5000 });
  session.stream.on("error", () => undefined);
  return session;
}

async function echo({ stream }: Connection, word: string): Promise<string> {
  stream.write(word);
  const [heard] = (await once(stream, "data")) as [Buffer];
  return heard.toString();
}

it("flows go on after all WANs were dead and came back behind other addresses", async () => {
  const session = await echoSession();
  expect(await echo(session, "before")).toBe("before");
  const progress = { bytes: 0 };
  const { bytes, seed } = TRANSFER;
  const transfer = download({ from: site.sockets("users"), to: WEB.v4 }, bytes, seed, progress);
  await until(
    () => progress.bytes,
    (seen) => seen > bytes / 4,
  );
  const from = site.log.lines.length;
  await Promise.all(["fibre", "lte"].map((wan) => site.lab.fault("blackhole", wan)));
  const answer = echo(session, "said into the void");
  // The router has noticed: it looks for a way.
  await site.log.until(({ msg }) => msg === "carrier not established", from, 15_000);
  await site.lab.fault("public-address", "cpe-fibre");
  await site.lab.fault("public-address", "cgnat");
  expect(progress.bytes).toBeLessThan(bytes);
  await site.lab.heal("blackhole");

  expect(await answer).toBe("said into the void");
  expect(await transfer).toEqual({ bytes, sha256: expectedSha256(bytes, seed) });
  const { flows } = await site.pair.status("router");
  expect(flows.reset).toBe(0);
});
