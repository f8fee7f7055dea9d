import type { Application } from "./application.ts";
import type { Life } from "./life.ts";
import { play, type Script } from "./script.ts";
import { World, type Carried } from "./world.ts";

/** How long flows wait for a carrier in the model (ms): shorter than in life, so that it happens. */
const GRACE_MS = 90_000;
/** Everything comes to its end in this time once the network is repaired (ms): a silent carrier's death is in it. */
const SETTLE_MS = 240_000;
/** Then what is left goes away in this time (ms): housekeeping has weighed, carriers have lingered. */
const REST_MS = 10_000;
const GOOD_LINK = { latencyMs: 10, capacity: 256 * 1024, lossy: false } as const;

/** Why a carrier may be lost here; anything else is a defect of ours. */
const HONEST_LOSS =
  /^(read ECONNRESET|the connection is gone|nothing heard for \d+ ms|the other end gave it up|the other end has started anew)$/;

/** Plays a script, repairs the network and lets all flows come to their ends. Returns what went wrong. */
export async function judge({ budgetBytes, events }: Script): Promise<readonly string[]> {
  const world = new World({ budgetBytes, graceMs: GRACE_MS });
  for (const event of events) {
    await play(world, event);
    if (world.faults.length > 0) return world.faults;
  }
  world.dial(GOOD_LINK);
  world.dial(GOOD_LINK);
  await world.pass(SETTLE_MS, () => {
    world.flows.forEach(finish);
    const empty = world.lives.every(({ session }) => session.flows.size === 0);
    return empty && !world.hasFormer && world.flows.every(isOver);
  });
  const faults = [...world.faults, ...world.flows.flatMap((flow) => [...judgeFlow(flow)])];
  return faults.length > 0 ? faults : leftovers(world);
}

/** Both applications say and hear all there is to be. */
function finish({ near, far }: Carried): void {
  for (const app of [near.app, far?.app]) {
    if (app?.reading === false) app.read(true);
    app?.end();
  }
}

const isOver = ({ near, far }: Carried): boolean => near.app.isOver && far?.app?.isOver !== false;

function* judgeFlow(flow: Carried): Generator<string> {
  const { number, near, far, excuse } = flow;
  for (const [side, app, peer] of [
    ["near", near.app, far?.app],
    ["far", far?.app, near.app],
  ] as const) {
    if (app === undefined) continue;
    const who = `flow ${number}: the ${side} application`;
    if (app.fault !== undefined) yield `${who} heard ${app.fault}`;
    if (!app.isOver) yield `${who} hangs, ${excuse ?? "for no reason"}`;
    if (app.heardEnd && !saidAll(peer, app.heard)) yield `${who} heard the end at ${app.heard}, too early`;
    if (excuse === undefined && app.wasReset) yield `${who} was cut, for no reason`;
  }
  if (excuse === undefined && far?.app === undefined) yield `flow ${number} never came`;
}

const saidAll = (app: Application | undefined, bytes: number): boolean =>
  app !== undefined && app.hasEnded && app.said === bytes;

/** What is left where all flows have ended, after a while: what was on its way on a silent carrier is dead by then. */
async function leftovers(world: World): Promise<readonly string[]> {
  const left = (): string[] => world.lives.flatMap((life) => [...leftAt(life)]);
  await world.pass(REST_MS);
  if (left().length > 0) await world.pass(SETTLE_MS);
  const found = left();
  for (const { session } of world.lives) session.close();
  await world.pass(REST_MS);
  if (world.clock.nextAt !== undefined) found.push("somebody still waits for the clock");
  return [...world.faults, ...found];
}

function* leftAt({ session, budget, log }: Life): Generator<string> {
  for (const carrier of session.carriers) {
    if (carrier.flows.size > 0) yield `carrier ${carrier.number} has ${carrier.flows.size} flows left`;
  }
  if (session.heldBytes > 0) yield `${session.heldBytes} bytes are held for nobody`;
  if (budget.active > 0) yield `${budget.active} flows are counted that are not there`;
  for (const { message, fields } of log.lines) {
    const why = String(fields["why"]);
    if (message.endsWith("the peer broke its rules")) yield `blamed without guilt: ${why}`;
    if (message === "carrier lost" && !HONEST_LOSS.test(why)) yield `carrier lost: ${why}`;
  }
}
