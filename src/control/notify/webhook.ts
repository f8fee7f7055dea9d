import { createHash, createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { SennitError } from "../../base/errors.ts";
import { VERSION } from "../../base/version.ts";
import type { WebhookConfig } from "../../config/router/notify.ts";
import { readSecret } from "./secret.ts";
import { messageFor, type Sink } from "./sink.ts";

/** From the first SYN to the last byte of the answer (ms): a web service that takes longer is tried again. */
const TIMEOUT_MS = 15_000;
/** Too early, too many at a time: the other end says itself that it may work later (RFC 9110, RFC 6585). */
const LATER: ReadonlySet<number> = new Set([408, 425, 429]);

type Target = Pick<WebhookConfig, "url" | "secretFile" | "secretAs" | "caFile">;

/** A web service that is sent every event as JSON. Redirects are not followed: a secret goes where the config says. */
export function webhookSink(config: Target): Sink {
  return {
    // Not the path: with many services, that is the secret.
    name: `webhook ${new URL(config.url).host}`,
    retries: true,
    async deliver(event) {
      const body = messageFor(event);
      const authority = config.caFile === undefined ? undefined : await readFile(config.caFile);
      const status = await post(config.url, body, await headersOf(config, body), authority);
      if (status >= 200 && status < 300) return;
      const isFinal = status < 500 && !LATER.has(status);
      throw new SennitError("network", isFinal ? "notify-refused" : "notify-failed", `it answered ${status}`);
    },
  };
}

/** Hexadecimal digits: 128 bits. */
const ID_LENGTH = 32;

/** Standard Webhooks 1.0.0: what is signed is "ID.TIMESTAMP.BODY", the time in seconds since 1970. */
async function headersOf({ secretFile, secretAs }: Target, body: string): Promise<Record<string, string>> {
  // The same at every try, so that a receiver knows what it has heard before.
  const id = createHash("sha256").update(body).digest("hex").slice(0, ID_LENGTH);
  const timestamp = String(Math.floor(Date.now() / 1000));
  const common = { "webhook-id": id, "webhook-timestamp": timestamp };
  if (secretFile === undefined) return common;
  const secret = await readSecret(secretFile);
  if (secretAs === "bearer") return { ...common, authorization: `Bearer ${secret}` };
  const signature = createHmac("sha256", keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest("base64");
  return { ...common, "webhook-signature": `v1,${signature}` };
}

/** Written as "whsec_" and Base64 as a rule; any other text is the key itself. */
const keyOf = (secret: string): Buffer =>
  secret.startsWith("whsec_") ? Buffer.from(secret.slice("whsec_".length), "base64") : Buffer.from(secret);

function post(
  url: string,
  body: string,
  headers: Record<string, string>,
  ca: Buffer | undefined,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
          "user-agent": `sennit/${VERSION}`,
          ...headers,
        },
        // A connection of its own: the WAN it went over last may be the one that died.
        agent: false,
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(ca !== undefined && { ca }),
      },
      (answer) => {
        answer.resume();
        answer.on("error", reject);
        answer.on("end", () => resolve(answer.statusCode ?? 0));
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
