import { createHash, timingSafeEqual } from "node:crypto";
import { Reject } from "../wire/constants.ts";
import type { Hello, Invite } from "../wire/hello.ts";
import { turnedAway } from "./handshake.ts";

/** A router that the server knows. */
export interface KnownRouter {
  /** Its public key in hexadecimal. */
  readonly id: string;
  readonly name: string;
}

/** An invitation as the server keeps it: the secret only as a hash. */
export interface KnownInvite {
  /** In hexadecimal. */
  readonly id: string;
  readonly secretHash: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
  readonly name: string;
}

export interface Guests {
  readonly routers: readonly KnownRouter[];
  readonly invites: readonly KnownInvite[];
}

/** A router that came in by an invitation, to be remembered by whoever keeps the guest list. */
export interface Enrolment {
  readonly router: KnownRouter;
  readonly invite: string;
}

/** SHA-256 of an invitation's secret, in hexadecimal. It has 192 random bits: no salt and no slow hash is needed. */
export function hashSecret(secret: Buffer): string {
  return createHash("sha256").update(secret).digest("hex");
}

/**
 * Who may come in: routers on the list, and once per invitation a router that is not. What came in by invitation stays
 * in, also while the list that is handed to `update` does not say so yet.
 */
export class Admission {
  readonly #wallClock: () => number;
  readonly #enrolled = new Map<string, Enrolment>();
  #routers = new Map<string, KnownRouter>();
  #invites = new Map<string, KnownInvite>();

  /** `wallClock`: milliseconds since 1970. */
  constructor(wallClock: () => number) {
    this.#wallClock = wallClock;
  }

  /** The guest list from those who keep it. */
  update(guests: Guests): void {
    this.#routers = new Map(guests.routers.map((router) => [router.id, router]));
    this.#invites = new Map(guests.invites.map((invite) => [invite.id, invite]));
    for (const id of this.#routers.keys()) this.#enrolled.delete(id);
  }

  /** Routers that came in by invitation and are not on the list yet. */
  get enrolments(): readonly Enrolment[] {
    return [...this.#enrolled.values()];
  }

  /** The router behind a HELLO whose signature was verified. Throws the refusal. */
  admit(hello: Pick<Hello, "routerKey" | "invite">): KnownRouter {
    const id = hello.routerKey.toString("hex");
    const known = this.#routers.get(id) ?? this.#enrolled.get(id)?.router;
    if (known !== undefined) return known;
    if (hello.invite === undefined) {
      throw turnedAway(Reject.UNKNOWN_ROUTER, `router ${id.slice(0, 16)} is not known here`);
    }
    return this.#redeem(id, hello.invite);
  }

  #redeem(id: string, { id: inviteId, secret }: Invite): KnownRouter {
    const key = inviteId.toString("hex");
    const invite = this.#invites.get(key);
    const right = invite !== undefined && sameHash(invite.secretHash, hashSecret(secret));
    if (!right) throw turnedAway(Reject.INVITE, "this join token is not known here, or was used before");
    if ([...this.#enrolled.values()].some((other) => other.invite === key)) {
      throw turnedAway(Reject.INVITE, "this join token was used before, by another router");
    }
    if (this.#wallClock() > invite.expires) throw turnedAway(Reject.INVITE, "this join token has expired");
    const router = { id, name: invite.name };
    this.#enrolled.set(id, { router, invite: key });
    return router;
  }
}

function sameHash(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
