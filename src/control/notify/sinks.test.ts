import { createHmac } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { localhostCertificate } from "../../../test/control/localhost.ts";
import { MailServer } from "../../../test/control/mailserver.ts";
import { exec } from "../../linux/exec.ts";
import type { RouterEvent } from "../events.ts";
import { hookSink } from "./hook.ts";
import { mailSink } from "./mail.ts";
import { webhookSink } from "./webhook.ts";

const EVENT: RouterEvent = {
  at: 1e12,
  code: "wan-down",
  severity: "warning",
  wan: "fibre",
  text: "WAN fibre is down: nothing answers",
  fields: { was: "up", afterMs: 12 },
};
const SECRET = "correct horse battery staple";

let directory: string;
let caFile: string;
let secretFile: string;
let web: Server;
let url: string;
let requests: { readonly headers: IncomingHttpHeaders; readonly body: string }[];
let status: number;
let mails: MailServer;
let mailPort: number;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "sennit-notify-"));
  [caFile, secretFile] = [join(directory, "ca.pem"), join(directory, "secret")];
  writeFileSync(secretFile, `${SECRET}\n`, { mode: 0o600 });
  const { key, cert } = await localhostCertificate();
  writeFileSync(caFile, cert);
  web = createServer({ key, cert }, (request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      requests.push({ headers: request.headers, body });
      response.writeHead(status, { location: url }).end("something");
    });
  });
  await new Promise<void>((resolve) => web.listen(0, "localhost", resolve));
  url = `https://localhost:${(web.address() as AddressInfo).port}/very/secret`;
  mails = new MailServer(key, cert);
  mailPort = await mails.listen();
});
beforeEach(() => {
  [requests, status, mails.verdict] = [[], 204, "250 taken"];
  chmodSync(secretFile, 0o600);
});
afterAll(() => {
  web.close();
  mails.close();
  rmSync(directory, { recursive: true });
});

describe("a web service", () => {
  const sink = (secretAs: "bearer" | "signature" = "bearer") =>
    webhookSink({ url, caFile, secretFile, secretAs });

  test("gets the event as JSON, with the secret as a bearer token", async () => {
    await sink().deliver(EVENT);
    expect(requests).toHaveLength(1);
    expect(JSON.parse(requests[0]?.body ?? "")).toMatchObject(EVENT);
    expect(requests[0]?.headers).toMatchObject({
      "content-type": "application/json",
      authorization: `Bearer ${SECRET}`,
    });
  });

  test("can check who signed, and never sees the secret then", async () => {
    await sink("signature").deliver(EVENT);
    const { headers, body } = requests[0] ?? { headers: {}, body: "" };
    const signed = `${String(headers["webhook-id"])}.${String(headers["webhook-timestamp"])}.${body}`;
    const signature = createHmac("sha256", SECRET).update(signed).digest("base64");
    expect(headers["webhook-signature"]).toBe(`v1,${signature}`);
    expect(JSON.stringify(headers)).not.toContain(SECRET);
  });

  test.each([
    [500, "notify-failed"],
    [429, "notify-failed"],
    [403, "notify-refused"],
    [301, "notify-refused"],
  ])("that answers %i is %s", async (answer, code) => {
    status = answer;
    await expect(sink().deliver(EVENT)).rejects.toMatchObject({ code });
    expect(requests).toHaveLength(1);
  });

  test("whose certificate nobody trusts is told nothing", async () => {
    const stranger = webhookSink({ url, secretAs: "bearer" });
    await expect(stranger.deliver(EVENT)).rejects.toThrow("self-signed certificate");
    expect(requests).toEqual([]);
  });

  test("is not named by what may be a secret, nor is its secret told when it can't be read", async () => {
    expect(sink().name).not.toContain("secret");
    chmodSync(secretFile, 0o644);
    const failure: unknown = await sink()
      .deliver(EVENT)
      .catch((error: unknown) => error);
    expect(String(failure)).toContain("other users may read it");
    expect(String(failure)).not.toContain(SECRET);
    expect(requests).toEqual([]);
  });
});

describe("a mail", () => {
  const sink = () =>
    mailSink({
      host: "localhost",
      port: mailPort,
      security: "tls",
      user: "me",
      passwordFile: secretFile,
      caFile,
      from: "router@example.net",
      to: ["me@example.net", "you@example.net"],
      severity: "warning",
    });

  test("is handed in with all that there is to know", async () => {
    await sink().deliver(EVENT);
    const mail = mails.mails.at(-1) ?? "";
    expect(mails.logins.at(-1)).toBe(`me:${SECRET}`);
    expect(mail).toContain("To: me@example.net, you@example.net");
    expect(mail).toMatch(/Subject: .*warning: WAN fibre is down: nothing answers/);
    expect(mail).toContain("code: wan-down");
    expect(mail).toContain("2001-09-09T01:46:40.000Z");
  });

  test.each([
    ["451 later", "notify-failed"],
    ["554 never", "notify-refused"],
  ])("that is answered %s is %s, without the server's words", async (verdict, code) => {
    mails.verdict = verdict;
    await expect(sink().deliver(EVENT)).rejects.toMatchObject({
      code,
      message: `it answered ${verdict.slice(0, 3)}`,
    });
  });
});

describe("a hook", () => {
  test("gets the event on its standard input, and its arguments as they stand", async () => {
    const out = join(directory, "out");
    const run: [string, ...string[]] = ["/usr/bin/tee", "--", out, join(directory, "$(id)")];
    await hookSink({ run, timeout: 5000 }, exec).deliver(EVENT);
    expect(JSON.parse(readFileSync(out, "utf8"))).toMatchObject(EVENT);
    expect(readFileSync(join(directory, "$(id)"), "utf8")).toBe(readFileSync(out, "utf8"));
  });

  test("gets nothing of our environment but a PATH", async () => {
    const out = join(directory, "environment");
    const run: [string, ...string[]] = ["/usr/bin/cp", "/proc/self/environ", out];
    process.env.SENNIT_TEST_SECRET = "hunter2";
    try {
      await hookSink({ run, timeout: 5000 }, exec).deliver(EVENT);
    } finally {
      delete process.env.SENNIT_TEST_SECRET;
    }
    const names = readFileSync(out, "utf8")
      .split("\0")
      .filter(Boolean)
      .map((entry) => entry.split("=")[0]);
    expect(new Set(names)).toEqual(new Set(["LC_ALL", "PATH"]));
  });

  test("that fails is called by its name, without its arguments", async () => {
    const hook = hookSink({ run: ["/usr/bin/false", "hunter2"], timeout: 5000 }, exec);
    const error: unknown = await hook.deliver(EVENT).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "exec-failed", message: "/usr/bin/false: exit 1: " });
    expect(JSON.stringify(error)).not.toContain("hunter2");
  });

  test("that does not end in time is killed", async () => {
    const hook = hookSink({ run: ["/usr/bin/sleep", "1000"], timeout: 50 }, exec);
    await expect(hook.deliver(EVENT)).rejects.toMatchObject({ code: "exec-timeout" });
  });
});
