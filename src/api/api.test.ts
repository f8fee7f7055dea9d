import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SennitError } from "../base/errors.ts";
import { MemoryLog } from "../base/log.ts";
import { createApi, type ApiDeps } from "./api.ts";
import { Client } from "./client.ts";
import { listenOnSocket, socketPath, type Listener } from "./listen.ts";
import { sampleStatus } from "./sample.ts";
import { statusSchema } from "./status.ts";

const log = new MemoryLog();
let upgrades = 0;
const deps: ApiDeps = {
  status: () => sampleStatus,
  invite: async ({ label, expires }) => ({
    token: `token for ${label ?? "anybody"}`,
    expires: expires ?? null,
  }),
  upgrade: () => void upgrades++,
  log,
};
const endpoints = ["server.example:443"];

describe("requests and answers", () => {
  const api = createApi(deps);
  const post = (body: string): Promise<Response> =>
    Promise.resolve(
      api.request("/v1/invites", { method: "POST", body, headers: { "content-type": "application/json" } }),
    );

  test("status", async () => {
    const response = await api.request("/v1/status");
    expect(response.status).toBe(200);
    expect(statusSchema.parse(await response.json())).toEqual(sampleStatus);
  });

  test("health is 200 while traffic is carried, else 503", async () => {
    expect((await api.request("/v1/health")).status).toBe(200);
    const down = createApi({
      ...deps,
      status: () => ({ ...sampleStatus, state: { name: "down", ageMs: 5 } }),
    });
    const response = await down.request("/v1/health");
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ healthy: false, state: "down" });
  });

  test("an invitation is made", async () => {
    const response = await post(JSON.stringify({ endpoints, label: "office" }));
    expect(response.status).toBe(201);
    expect(await response.json()).toEqual({ token: "token for office", expires: null });
  });

  test.each([
    ["not JSON", "{", 400, "body-not-json"],
    ["wrong in two places", '{"endpoints":["nowhere"],"label":7}', 400, "body-invalid"],
    ["an unknown key", '{"endpoints":["a:1"],"lable":"x"}', 400, "body-invalid"],
    ["too large", JSON.stringify({ endpoints, label: "x".repeat(70_000) }), 413, "body-too-large"],
  ])("a body that is %s", async (_, body, status, code) => {
    const response = await post(body);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ status, code, type: `urn:sennit:problem:${code}` });
  });

  test("what is wrong with a body is told place by place", async () => {
    const response = await post('{"endpoints":["nowhere"],"label":7}');
    expect(await response.json()).toMatchObject({ errors: [{ path: "endpoints.0" }, { path: "label" }] });
  });

  test("unknown paths, other methods, and a role that does not invite", async () => {
    expect((await api.request("/v2")).status).toBe(404);
    const other = await api.request("/v1/status", { method: "DELETE" });
    expect(other.status).toBe(405);
    expect(other.headers.get("allow")).toContain("GET");
    const router = createApi({ status: deps.status, upgrade: deps.upgrade, log });
    expect((await router.request("/v1/invites", { method: "POST", body: "{}" })).status).toBe(404);
  });

  test("a bug tells the log, not the caller", async () => {
    const broken = createApi({
      ...deps,
      status: () => {
        throw new Error("the secret is 42");
      },
    });
    const response = await broken.request("/v1/status");
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("42");
    expect(log.lines.at(-1)).toMatchObject({ level: "error", message: expect.stringContaining("42") });
  });
});

describe("over the socket", () => {
  let top: string;
  let socket: string;
  const open: Listener[] = [];

  beforeEach(async () => {
    top = await mkdtemp(join(tmpdir(), "sennit-api-"));
    socket = socketPath(join(top, "run"));
  });
  afterEach(async () => {
    for (const listener of open.splice(0)) await listener.close();
    await rm(top, { recursive: true });
  });

  const serve = async (api = createApi(deps)): Promise<void> => {
    open.push(await listenOnSocket(api, socket));
  };
  /** A process that listens on the socket until it is killed, which leaves the socket behind. */
  const listenerToKill = async (): Promise<ChildProcess> => {
    await mkdir(dirname(socket), { mode: 0o700 });
    const script = "require('net').createServer().listen(process.argv[1], () => console.log('listening'))";
    const child = spawn(process.execPath, ["-e", script, socket], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    return child;
  };

  test("the client gets what the role says", async () => {
    await serve();
    const client = new Client(socket);
    expect(await client.status()).toEqual(sampleStatus);
    expect(await client.invite({ endpoints, expires: "2030-01-01T00:00:00Z" })).toEqual({
      token: "token for anybody",
      expires: "2030-01-01T00:00:00Z",
    });
  });

  test("only the owner can reach it, and it goes when it ends", async () => {
    await serve();
    expect((await stat(socket)).mode & 0o777).toBe(0o600);
    expect((await stat(join(top, "run"))).mode & 0o777).toBe(0o700);
    await open.pop()?.close();
    await expect(stat(socket)).rejects.toMatchObject({ code: "ENOENT" });
    await expect(new Client(socket).status()).rejects.toMatchObject({ code: "not-running" });
  });

  test("a second one is refused while the first lives", async () => {
    await serve();
    await expect(serve()).rejects.toMatchObject({ code: "already-running", causeClass: "config" });
    expect(await new Client(socket).status()).toEqual(sampleStatus);
  });

  test("the socket of a process that was killed is replaced", async () => {
    const child = await listenerToKill();
    child.kill("SIGKILL");
    await once(child, "exit");
    expect((await stat(socket)).isSocket()).toBe(true);
    await serve();
    expect(await new Client(socket).status()).toEqual(sampleStatus);
  });

  test("a file in the way is not removed", async () => {
    await serve();
    await open.pop()?.close();
    await writeFile(socket, "precious");
    await expect(serve()).rejects.toMatchObject({ code: "socket-path" });
    expect((await stat(socket)).size).toBe(8);
  });

  test("a path longer than the kernel takes is refused, not cut", async () => {
    await expect(listenOnSocket(createApi(deps), join(top, "x".repeat(120)))).rejects.toMatchObject({
      code: "socket-path",
    });
  });

  test("the role's own error arrives with its code and remedy", async () => {
    const taken = new SennitError("config", "label-taken", "there is one already", {
      remedy: "choose another",
    });
    await serve(createApi({ ...deps, invite: () => Promise.reject(taken) }));
    await expect(new Client(socket).invite({ endpoints })).rejects.toMatchObject({
      code: "label-taken",
      causeClass: "config",
      message: "there is one already",
      remedy: "choose another",
    });
  });

  test("an answer that is none of ours is said to be so", async () => {
    await serve(createApi({ ...deps, status: () => ({ role: "router" }) as never }));
    await expect(new Client(socket).status()).rejects.toMatchObject({ code: "api-answer" });
  });
});
