import { z } from "zod";
import { directory } from "../fields.ts";
import { endpoint } from "../networkfields.ts";

/** Which events somebody wants to hear of. */
const wanted = {
  severity: z
    .enum(["info", "warning", "critical"])
    .default("warning")
    .describe("The least severe events that are told"),
  events: z
    .array(
      z
        .string()
        .regex(/^[a-z][a-z0-9-]{0,63}$/)
        .meta({ allowed: 'the code of an event such as "wan-down"', samples: ["wan-down", "quota-near"] }),
    )
    .min(1)
    .max(64)
    .optional()
    .describe("Codes of the events that are told; without it, all"),
};

export const hooks = z
  .array(
    z.strictObject({
      run: z
        .array(
          z
            .string()
            .min(1)
            .max(4096)
            .meta({ allowed: "a word", samples: ["/usr/local/bin/on-wan", "-v"] }),
        )
        .min(1)
        .max(64)
        .describe(
          "The program and its arguments, run without a shell; the event is JSON on its standard input",
        ),
      ...wanted,
    }),
  )
  .max(16)
  .default([])
  .describe("Programs to run on events");

const url = z
  .url({ protocol: /^https?$/ })
  .max(2048)
  .meta({ allowed: "an http or https URL", samples: ["https://hooks.example/sennit"] });

export const webhooks = z
  .array(
    z.strictObject({
      url: url.describe("Where events are posted to, as JSON"),
      secretFile: directory
        .optional()
        .describe("A file with the key of an HMAC-SHA256 over the body, sent as `Sennit-Signature`"),
      ...wanted,
    }),
  )
  .max(16)
  .default([])
  .describe("Addresses to post events to");

const mailbox = z
  .string()
  .max(254)
  .regex(/^[^\s@<>,;:"]+@[^\s@<>,;:"]+$/)
  .meta({ allowed: 'a mail address such as "me@example.net"', samples: ["me@example.net"] });

export const mail = z
  .strictObject({
    server: endpoint.describe("The submission server"),
    encryption: z
      .enum(["tls", "starttls", "none"])
      .default("starttls")
      .describe(
        "`tls` from the first byte on (port 465), `starttls` after asking for it (port 587), or none",
      ),
    username: z
      .string()
      .min(1)
      .max(254)
      .meta({ allowed: "a name", samples: ["me"] })
      .optional()
      .describe("Who logs in there; without it, nobody does"),
    passwordFile: directory.optional().describe("The file that the password is in"),
    from: mailbox.describe("The sender's address"),
    to: z.array(mailbox).min(1).max(16).describe("Who gets mail"),
    ...wanted,
  })
  .optional()
  .describe("Tell events by mail, several in one");
