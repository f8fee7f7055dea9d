import { z } from "zod";
import { isEndpoint } from "../base/endpoint.ts";
import { MAX_ENDPOINTS } from "../wire/token.ts";

/** What `parseEndpoint` takes. */
export const endpointSchema = z.string().refine(isEndpoint, {
  error: 'not HOST:PORT, such as "server.example:443", "192.0.2.1:443" or "[2001:db8::1]:443"',
});

/** What the operator of a server says when inviting a router. */
export const inviteRequestSchema = z.strictObject({
  /** Where the router finds this server, as seen from the router; only the operator can know that. */
  endpoints: z.array(endpointSchema).min(1).max(MAX_ENDPOINTS),
  /** What the operator calls the router. */
  label: z.string().min(1).max(64).optional(),
  /** When the invitation ends, if nobody has used it: ISO 8601 with a zone. */
  expires: z.iso.datetime({ offset: true }).optional(),
});
export type InviteRequest = z.infer<typeof inviteRequestSchema>;

export const inviteSchema = z.object({
  /** For `sennit router join`. A secret: whoever has it first is the router. */
  token: z.string(),
  expires: z.iso.datetime({ offset: true }).nullable(),
});
export type Invite = z.infer<typeof inviteSchema>;
