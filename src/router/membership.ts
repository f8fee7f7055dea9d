import { z } from "zod";
import { formatEndpoint, parseEndpoint } from "../base/endpoint.ts";
import { SennitError } from "../base/errors.ts";
import { routerOrders } from "../control/messages.ts";
import { createRouterKey } from "../relay/identity.ts";
import type { StateDir } from "../store/state-dir.ts";
import { decodeToken } from "../wire/token.ts";

const keySchema = z.strictObject({ privateKey: z.string() });
const serverSchema = z.strictObject({
  endpoints: z.array(z.string()).min(1),
  // What the data process would not understand is damaged.
  pin: routerOrders.shape.pin,
  invite: routerOrders.shape.invite,
});

/** Which server this router belongs to, and the key it shows there. */
export interface Membership {
  readonly privateKey: string;
  readonly endpoints: readonly { readonly host: string; readonly port: number }[];
  /** In hexadecimal, as are the parts of the invitation. */
  readonly pin: string;
  readonly invite: { readonly id: string; readonly secret: string };
}

/** Stores what a join token says; from then on `membership` is there. Throws `bad-token`. The router's key stays the same. */
export async function join(state: StateDir, token: string): Promise<Membership> {
  const { endpoints, serverPin, invite } = decodeToken(token);
  if ((await state.read("key", keySchema)) === undefined)
    await state.write("key", { privateKey: createRouterKey() });
  await state.write("server", {
    endpoints: endpoints.map((endpoint) => formatEndpoint(parseEndpoint(endpoint))),
    pin: serverPin.toString("hex"),
    invite: { id: invite.id.toString("hex"), secret: invite.secret.toString("hex") },
  });
  return membership(state);
}

/** What `join` stored. Throws `not-joined` where it was never called. */
export async function membership(state: StateDir): Promise<Membership> {
  const [key, server] = [await state.read("key", keySchema), await state.read("server", serverSchema)];
  if (key === undefined || server === undefined) {
    throw new SennitError("config", "not-joined", "this router belongs to no server yet", {
      remedy:
        "on the server run `sennit server invite --endpoint HOST:PORT`, here `sennit router join TOKEN`",
    });
  }
  return { ...key, ...server, endpoints: server.endpoints.map((endpoint) => parseEndpoint(endpoint)) };
}
