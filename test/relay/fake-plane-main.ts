import { existsSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { MemoryLog } from "../../src/base/log.ts";
import { DataHost } from "../../src/control/datahost.ts";
import { dataSocket } from "../../src/control/place.ts";
import { FakePlane } from "./fake-plane.ts";

/*
 * A data process for tests: fake-plane-main.ts DIRECTORY [GATE]. Listens when the file GATE is there. Has a flow as long as
 * there is the file `flow` in DIRECTORY, and is ready for new ones unless there is the file `closed`. Ends when nobody has
 * asked it anything for ten seconds, so that no failed test leaves it behind.
 */
const [directory = "", gate] = process.argv.slice(2);
const ABANDONED_MS = 10_000;

let heardAt = Date.now();
setInterval(() => {
  if (Date.now() - heardAt > ABANDONED_MS) process.exit(3);
}, 500).unref();

class Plane extends FakePlane {
  override report() {
    if (!this.draining) heardAt = Date.now();
    this.flows = existsSync(join(directory, "flow")) ? 1 : 0;
    const isReady = !existsSync(join(directory, "closed"));
    return { ...super.report(), intercepting: isReady ? { v4: process.pid, v6: process.pid } : null };
  }
}

const host = new DataHost({
  role: "router",
  socket: dataSocket(directory, process.pid),
  clock: systemClock,
  log: new MemoryLog(),
  createPlane: (tell) => new Plane(tell),
});
if (gate !== undefined) while (!existsSync(gate)) await new Promise((resolve) => setTimeout(resolve, 10));
await host.run();
