import { createHash } from "node:crypto";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectedSha256, seededBytes } from "./bytes.ts";
import { createWeb } from "./web.ts";

const sha256 = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");

const web = createWeb();
let port = 0;
let url = "";

beforeAll(async () => {
  await once(web.listen(0, "::"), "listening");
  ({ port } = web.address() as AddressInfo);
  url = `http://127.0.0.1:${port}`;
});
afterAll(() => {
  web.closeAllConnections();
  web.close();
});

describe("bytes from a seed", () => {
  test("are these, for ever", () => {
    expect(Buffer.concat([...seededBytes(8, "seed")]).toString("hex")).toBe("9b715a7c78a64048");
  });

  test("the same for the same seed, whatever the length; others for another", () => {
    const [long, short] = [200_000, 70_000].map((length) => Buffer.concat([...seededBytes(length, "a")]));
    expect(long).toHaveLength(200_000);
    expect(long?.subarray(0, 70_000).equals(short ?? Buffer.alloc(0))).toBe(true);
    expect(expectedSha256(10, "a")).not.toBe(expectedSha256(10, "b"));
    expect(expectedSha256(0, "a")).toBe(sha256(Buffer.alloc(0)));
  });
});

describe("the web host", () => {
  test.each([0, 1, 65_536, 65_537, 3_000_000])("sends %i bytes that can be checked", async (length) => {
    const response = await fetch(`${url}/bytes/${length}?seed=s`);
    expect(response.headers.get("content-length")).toBe(String(length));
    const body = new Uint8Array(await response.arrayBuffer());
    expect(body).toHaveLength(length);
    expect(sha256(body)).toBe(expectedSha256(length, "s"));
  });

  test("tells who asks, over IPv4 and IPv6", async () => {
    expect(await (await fetch(`${url}/hello`)).text()).toBe("hello 127.0.0.1\n");
    expect(await (await fetch(`http://[::1]:${port}/hello`)).text()).toBe("hello ::1\n");
  });

  test("tells what it was sent", async () => {
    const body = Buffer.concat([...seededBytes(2_000_000, "up")]);
    const response = await fetch(`${url}/upload`, { method: "POST", body });
    expect(await response.json()).toEqual({ bytes: 2_000_000, sha256: expectedSha256(2_000_000, "up") });
  });

  test.each(["/", "/bytes/", "/bytes/-1", "/bytes/x", "/bytes/99999999999999"])("has no %s", async (path) => {
    expect((await fetch(url + path)).status).toBe(404);
  });

  test("answers a client that closes its side after asking", async () => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    socket.end("GET /bytes/500000?seed=s HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n");
    expect((await text(socket.setEncoding("latin1"))).length).toBeGreaterThan(500_000);
  });

  test("survives a client that goes away in the middle", async () => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.write("GET /bytes/1000000000?seed=s HTTP/1.1\r\nHost: web\r\n\r\n");
    await once(socket, "data");
    socket.destroy();
    expect((await fetch(`${url}/hello`)).status).toBe(200);
  });
});
