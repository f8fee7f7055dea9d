import { isIP } from "node:net";
import { z } from "zod";

/** "server.example:443", "192.0.2.1:443", "[2001:db8::1]:443": the same in URLs (RFC 3986, section 3.2.2). */
export const endpointSchema = z.string().refine(isEndpoint, {
  error: 'not HOST:PORT, such as "server.example:443", "192.0.2.1:443" or "[2001:db8::1]:443"',
});

/** What the operator of a server says when inviting a router. */
export const inviteRequestSchema = z.strictObject({
  /** Where the router finds this server, as seen from the router; only the operator can know that. */
  endpoints: z.array(endpointSchema).min(1).max(8),
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

function isEndpoint(text: string): boolean {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) return false;
  const [, inBrackets, plain, port] = match;
  if (Number(port) < 1 || Number(port) > 65_535) return false;
  return inBrackets === undefined ? isHost(plain ?? "") : isIP(inBrackets) === 6;
}

/** An IPv4 address or a DNS name (RFC 1123, section 2.1); a name of digits and dots alone is a mistyped address. */
function isHost(host: string): boolean {
  if (/^[\d.]+$/.test(host)) return isIP(host) === 4;
  const label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
  return host.length <= 253 && new RegExp(`^${label}(?:\\.${label})*$`).test(host);
}
