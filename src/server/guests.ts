import { randomBytes } from "node:crypto";
import { z } from "zod";
import { SennitError } from "../base/errors.ts";
import { serverOrders } from "../control/messages.ts";
import { formatEndpoint, parseEndpoint } from "../base/endpoint.ts";
import { encodeToken } from "../wire/token.ts";
import { INVITE_ID_BYTES, INVITE_SECRET_BYTES } from "../wire/hello.ts";
import { hashSecret, type Enrolment, type Guests, type KnownInvite } from "../relay/admission.ts";
import { pinOf, type ServerIdentity } from "../relay/identity.ts";
import type { StateDir } from "../store/state-dir.ts";
import type { Invite, InviteRequest } from "../api/invite.ts";

const identitySchema = z.strictObject({ keyPem: z.string(), certificatePem: z.string() });
/** What the data process would not understand is damaged. */
const guestsSchema = serverOrders.pick({ routers: true, invites: true });

/** How long an invitation stands unless told otherwise (ms): long enough to post a router to a village. */
const INVITE_LIFE_MS = 14 * 86_400_000;

/**
 * Routers and open invitations together: the list must fit a message to the data process (jsonlines.ts), in which a name
 * of 64 characters takes 384 bytes at worst, the rest of an entry 150.
 */
const MAX_GUESTS = 10_000;

/** Who the server is and whom it lets in, kept on disk. */
export class GuestBook {
  readonly #state: StateDir;
  readonly #wallClock: () => number;

  constructor(state: StateDir, wallClock: () => number) {
    this.#state = state;
    this.#wallClock = wallClock;
  }

  /** The server's key and certificate; made at the first call. */
  async identity(): Promise<ServerIdentity> {
    const known = await this.#state.read("identity", identitySchema);
    if (known !== undefined) return known;
    // Its library is a sixth of a control process's memory, and is needed once in a server's life.
    const { createServerIdentity } = await import("../relay/certificate.ts");
    const identity = await createServerIdentity();
    await this.#state.write("identity", identity);
    return identity;
  }

  async guests(): Promise<Guests> {
    return (await this.#state.read("guests", guestsSchema)) ?? { routers: [], invites: [] };
  }

  /**
   * A new invitation, as the token that `sennit router join` takes. Only its hash is kept. Throws `invite-expired` for
   * one that would have ended already, `guests-full`.
   */
  async invite(request: InviteRequest): Promise<Invite> {
    const [id, secret] = [randomBytes(INVITE_ID_BYTES), randomBytes(INVITE_SECRET_BYTES)];
    const now = this.#wallClock();
    const expires = request.expires === undefined ? now + INVITE_LIFE_MS : Date.parse(request.expires);
    if (expires <= now) {
      throw new SennitError("config", "invite-expired", "an invitation cannot end in the past", {
        detail: { expires: request.expires },
      });
    }
    const { routers, invites } = await this.guests();
    const open = invites.filter((old) => old.expires > now);
    if (routers.length + open.length >= MAX_GUESTS) {
      throw new SennitError("config", "guests-full", `there are ${MAX_GUESTS} routers and open invitations`, {
        remedy: "let invitations end earlier (--expires), or run another server",
      });
    }
    const invite: KnownInvite = {
      id: id.toString("hex"),
      secretHash: hashSecret(secret),
      expires,
      name: request.label ?? `router-${id.toString("hex").slice(0, 6)}`,
    };
    await this.#state.write("guests", { routers, invites: [...open, invite] });
    const token = encodeToken({
      endpoints: request.endpoints.map((text) => formatEndpoint(parseEndpoint(text))),
      serverPin: pinOf((await this.identity()).certificatePem),
      invite: { id, secret },
    });
    return { token, expires: new Date(expires).toISOString() };
  }

  /** Remembers routers that came in, and that their invitations are used up. False when nothing was new. */
  async enrol(enrolments: readonly Enrolment[]): Promise<boolean> {
    const { routers, invites } = await this.guests();
    const fresh = enrolments.filter(({ router }) => !routers.some((known) => known.id === router.id));
    if (fresh.length === 0) return false;
    const used = new Set(fresh.map(({ invite }) => invite));
    await this.#state.write("guests", {
      routers: [...routers, ...fresh.map(({ router }) => router)],
      invites: invites.filter((invite) => !used.has(invite.id)),
    });
    return true;
  }
}
