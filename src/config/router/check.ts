import { isIP } from "node:net";
import { z } from "zod";
import { isEndpoint, parseEndpoint } from "../../base/endpoint.ts";
import { show, type Fault } from "../load.ts";
import { ipAddress } from "../networkfields.ts";

/** No names: who answers for them would have to be reached first, and over which WAN? */
const addressAndPort = z
  .string()
  .refine((text) => isEndpoint(text) && isIP(parseEndpoint(text).host) !== 0)
  .meta({ samples: ["192.0.2.1:443", "[2001:db8::1]:443"] });

const target = z.union([ipAddress, addressAndPort]).meta({
  allowed: 'an address such as "192.0.2.1", or ADDRESS:PORT for tcp',
  samples: ["192.0.2.1", "2001:db8::1", "192.0.2.1:443"],
});

/** Whom to ask whether connections that go out directly get anywhere. */
export const check = z
  .strictObject({
    kind: z
      .enum(["icmp", "tcp", "dns"])
      .default("icmp")
      .describe(
        "`icmp` wants an echo, `tcp` that a connection is taken, `dns` any answer to a question for the root's name servers",
      ),
    targets: z
      .array(target)
      .min(1)
      .max(8)
      .describe("Who is asked; for tcp ADDRESS:PORT. One that answers is enough"),
  })
  .optional()
  .describe(
    "A look beyond the gateway, for connections that go out directly: every 20 s, every minute where nothing moves. Without it nobody is asked",
  );

/** What the rules need to see of a section that may be wrong everywhere else. */
export const checkGlimpse = z
  .object({
    kind: z.unknown().optional(),
    targets: z.array(z.string().catch("")).catch([]).default([]),
  })
  .optional()
  .catch(undefined);

/** Targets are of the kind that is asked for. */
export function checkRules(seen: z.output<typeof checkGlimpse>): readonly Fault[] {
  const isTcp = seen?.kind === "tcp";
  return (seen?.targets ?? []).flatMap((text, index) => {
    const [isAddress, hasPort] = [isIP(text) !== 0, isEndpoint(text) && isIP(parseEndpoint(text).host) !== 0];
    // What is neither is refused by its shape already.
    if ((isTcp ? hasPort : isAddress) || (!isAddress && !hasPort)) return [];
    const allowed = isTcp ? "ADDRESS:PORT, as `kind` is tcp" : "an address without a port";
    return [{ path: ["check", "targets", index], found: show(text), allowed }];
  });
}
