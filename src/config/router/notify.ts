import { z } from "zod";
import { parseDuration } from "../../base/units.ts";
import { DAY_MS, quantity, SECOND_MS } from "../fields.ts";

const file = z
  .string()
  .regex(/^\/[^\0]{1,1022}$/)
  .meta({ allowed: "an absolute path", samples: ["/etc/sennit/secret"] });

const filter = {
  severity: z
    .enum(["info", "warning", "critical"])
    .default("warning")
    .describe("The least severe events that are told"),
  codes: z
    .array(
      z
        .string()
        .regex(/^[a-z0-9*-]{1,64}$/)
        .meta({ allowed: 'an event\'s code such as "wan-down", or "wan-*"', samples: ["wan-down", "wan-*"] }),
    )
    .min(1)
    .max(64)
    .optional()
    .describe("Of these, the ones with such codes, `*` for anything; without it, all"),
};

const hook = z.strictObject({
  run: z
    .tuple([file], z.string().max(4096))
    .meta({
      allowed: 'a program by its absolute path, with its arguments: ["/usr/local/bin/on-event", "--loud"]',
      samples: [["/usr/local/bin/on-event", "--loud"]],
    })
    .describe(
      "The program and its arguments, started without a shell; it gets the event as JSON on its standard input",
    ),
  /** In milliseconds. */
  timeout: quantity(parseDuration, {
    min: SECOND_MS,
    max: 300 * SECOND_MS,
    allowed: 'a duration from "1 s" to "5 min", such as "10 s"',
    samples: ["10 s", "1 s", "5 min"],
  })
    .prefault("10 s")
    .describe("When it is killed"),
  ...filter,
});

const webhook = z.strictObject({
  url: z
    .url({ protocol: /^https$/ })
    .max(2048)
    .meta({ allowed: 'an address that begins with "https://"', samples: ["https://example.net/hook"] })
    .describe("Where events are sent to as JSON, by POST"),
  secretFile: file.optional().describe("A file with the secret that shows who sends; others may not read it"),
  secretAs: z
    .enum(["bearer", "signature"])
    .default("bearer")
    .describe(
      "`bearer` sends it as a bearer token, `signature` signs the body with it (HMAC-SHA256, as Standard Webhooks has it)",
    ),
  caFile: file.optional().describe("Certificates (PEM) that are trusted instead of the public authorities"),
  ...filter,
});

const mailAddress = z
  .email()
  .max(254)
  .meta({ allowed: "a mail address", samples: ["me@example.net"] });

const mail = z.strictObject({
  host: z
    .hostname()
    .meta({ allowed: "a host name", samples: ["mail.example.net"] })
    .describe("The mail server that takes what is submitted"),
  port: z.int().min(1).max(65_535).default(465).describe("Its port"),
  security: z
    .enum(["tls", "starttls"])
    .default("tls")
    .describe("`tls` from the first byte (port 465), `starttls` after a greeting in clear (port 587)"),
  user: z
    .string()
    .min(1)
    .max(256)
    .meta({ allowed: "a name of at most 256 characters", samples: ["me@example.net"] })
    .optional()
    .describe("The name that it knows us by"),
  passwordFile: file.optional().describe("A file with the password; others may not read it"),
  caFile: file.optional().describe("Certificates (PEM) that are trusted instead of the public authorities"),
  from: mailAddress.describe("Who the mails are from"),
  to: z.array(mailAddress).min(1).max(16).describe("Who gets them"),
  ...filter,
});

/** Who is told of events, and how. */
export const notify = z
  .strictObject({
    hooks: z.array(hook).max(8).default([]).describe("Programs that are run, each for one event at a time"),
    webhooks: z.array(webhook).max(8).default([]).describe("Web services that are told"),
    mail: mail.optional().describe("Mails that are sent"),
    most: z
      .int()
      .min(1)
      .max(1000)
      .default(10)
      .describe("Of events, so many are told in one period to each; then only how many more there were"),
    /** In milliseconds. */
    period: quantity(parseDuration, {
      min: 10 * SECOND_MS,
      max: DAY_MS,
      allowed: 'a duration from "10 s" to "1 d", such as "10 min"',
      samples: ["10 min", "10 s", "1 d"],
    })
      .prefault("10 min")
      .describe("The period"),
  })
  .prefault({})
  .describe("Who is told of events");

export type NotifyConfig = z.output<typeof notify>;
export type HookConfig = NotifyConfig["hooks"][number];
export type WebhookConfig = NotifyConfig["webhooks"][number];
export type MailConfig = NonNullable<NotifyConfig["mail"]>;
