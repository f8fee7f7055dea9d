import { mostLoss, perMille } from "./lossmeter.ts";
import { credibleRun, patienceMs } from "./verdict.ts";
import type { WanSight } from "./wansight.ts";

/** What is to be thought of a WAN whose device is ready. */
export interface Life {
  readonly is: "alive" | "dead" | "unknown";
  /** In words and figures, where it is not simply alive. */
  readonly why?: string;
}

/** So fresh an acknowledgement (ms) is later than any verdict: the least a verdict takes is 120. */
const JUST_ACKED_MS = 80;
/** Connections are made anew within this (ms), where the server can be reached at all. */
const CUT_MS = 2000;
/** From so much loss on, several missing answers in a row are nothing. */
const LOSSY_PER_MILLE = 20;

/**
 * Weighs the three kinds of evidence: connections and probes to the server, the next hop, the internet beyond it. What
 * is heard overrules what is not; and the server's silence is the WAN's only if something else says so, too: the server
 * is heard elsewhere, the gateway is gone, the internet does not answer either.
 */
export function lifeOf(sight: WanSight): Life {
  const { ackedMs = Infinity, cutMs, way, check, gatewayAnswers, heardElsewhere } = sight;
  if (ackedMs < JUST_ACKED_MS || (isHeard(way) && heardSinceCut(way, cutMs))) return { is: "alive" };
  const known = way !== undefined && way.health !== "unknown";
  const silence = known ? serverSilent(way.heardMs) : undefined;
  if (check?.answered === true) {
    if (silence === undefined) return { is: "alive" };
    return { is: "alive", why: `${silence}, ${check.what} answers` };
  }
  if (gatewayAnswers === false) return { is: "dead", why: join(silence, "the gateway does not answer") };
  if (check?.answered === false) return { is: "dead", why: join(silence, `${check.what} does not answer`) };
  if (silence === undefined) return { is: "unknown", why: "nothing was heard over it yet" };
  if (heardElsewhere) return { is: "dead", why: silence };
  return { is: "unknown", why: `${silence}, nor over any other WAN: it may be the server's trouble` };
}

/**
 * Whether anything was heard since the last connection was lost; true while there is one. Where nobody connects, nobody
 * finds out that a way is dead.
 */
export const heardSinceCut = (way: WanSight["way"], cutMs: number | undefined): boolean =>
  cutMs === undefined || cutMs < CUT_MS || (way?.heardMs ?? Infinity) < cutMs;

/** Whether answers come, be it that connections are dead. Where some are always missing, only a long run of them counts. */
function isHeard(way: WanSight["way"]): boolean {
  if (way === undefined || way.health === "unknown" || way.heardMs === null) return false;
  const { tcp, probes, loss, rttMs, jitterMs, heardMs, unanswered } = way;
  if (tcp === "dead" && (probes === "dead" || probes === "unknown")) return false;
  if (tcp !== "dead" && probes !== "dead") return true;
  if (tcp === "dead" && perMille(loss) >= LOSSY_PER_MILLE) return unanswered < credibleRun(mostLoss(loss));
  return heardMs < patienceMs({ rttMs: rttMs ?? undefined, jitterMs: jitterMs ?? undefined, loss: 0 });
}

const serverSilent = (heardMs: number | null): string =>
  heardMs === null
    ? "the server was never heard over it"
    : `the server has not been heard over it for ${seconds(heardMs)}`;

const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
const join = (...parts: readonly (string | undefined)[]): string => parts.filter(Boolean).join(", ");
