import type { DataProcess } from "./dataprocess.ts";

/** When control goes on as what is installed now: time for the answer to the request that asked for it (ms). */
export const GO_ON_AFTER_MS = 100;

/** An heir takes over within seconds: after so long (ms), something keeps it from that. */
const HEIR_WAITS_MS = 15_000;

/** What a person should know of a hand-over that does not come to its end. */
export function handOverProblems({ heir }: DataProcess["status"]): {
  readonly code: string;
  readonly message: string;
  readonly remedy: string | null;
}[] {
  if (heir === null || heir.ageMs < HEIR_WAITS_MS) return [];
  const why = heir.refusal ?? "it can't take connections";
  const message = `the new data process ${heir.pid} does not take over, the old one goes on: ${why}`;
  return [{ code: "heir-waits", message, remedy: null }];
}
