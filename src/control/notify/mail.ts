import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { SennitError } from "../../base/errors.ts";
import type { MailConfig } from "../../config/router/notify.ts";
import type { RouterEvent } from "../events.ts";
import { readSecret } from "./secret.ts";
import type { Sink } from "./sink.ts";

/** For each step of the talk with the mail server (ms). */
const STEP_MS = 15_000;

/** A mail for every event, handed to a mail server over TLS. */
export function mailSink(config: MailConfig): Sink {
  return {
    name: `mail to ${config.host}`,
    retries: true,
    deliver: (event) => send(config, event),
  };
}

async function send(config: MailConfig, event: RouterEvent): Promise<void> {
  const { host, port, security, user, passwordFile, caFile, from, to } = config;
  const password = passwordFile === undefined ? undefined : await readSecret(passwordFile);
  const ca = caFile === undefined ? undefined : await readFile(caFile);
  // Only when there is a mail to send: a router that sends none does without its memory.
  const { createTransport } = await import("nodemailer");
  const transport = createTransport({
    host,
    port,
    secure: security === "tls",
    requireTLS: true,
    ...(ca !== undefined && { tls: { ca } }),
    ...(user !== undefined && password !== undefined && { auth: { user, pass: password } }),
    connectionTimeout: STEP_MS,
    greetingTimeout: STEP_MS,
    socketTimeout: STEP_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  try {
    await transport.sendMail({ from, to, subject: subjectOf(event), text: bodyOf(event) });
  } catch (error) {
    throw failureOf(error);
  } finally {
    transport.close();
  }
}

const subjectOf = ({ severity, text }: RouterEvent): string => `[${hostname()}] ${severity}: ${text}`;

function bodyOf({ at, code, wan, text, fields }: RouterEvent): string {
  const figures = Object.entries(fields).map(([name, value]) => `${name}: ${value ?? "not known"}`);
  return [
    text,
    "",
    `when: ${new Date(at).toISOString()}`,
    `code: ${code}`,
    ...(wan === null ? [] : [`WAN: ${wan}`]),
    ...figures,
    "",
  ].join("\n");
}

/** Answers that begin with 5 are final (RFC 5321, section 4.2.1). The server's words may quote what it was told: left out. */
function failureOf(error: unknown): SennitError {
  const { responseCode, code } = error as { readonly responseCode?: number; readonly code?: string };
  if (responseCode === undefined) {
    return new SennitError("network", "notify-failed", `no mail server that takes it (${code ?? "failed"})`);
  }
  const isFinal = responseCode >= 500;
  return new SennitError(
    "network",
    isFinal ? "notify-refused" : "notify-failed",
    `it answered ${responseCode}`,
  );
}
