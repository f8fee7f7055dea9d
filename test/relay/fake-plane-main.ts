import { existsSync } from "node:fs";
import { MemoryLog } from "../../src/base/log.ts";
import { DataHost } from "../../src/control/datahost.ts";
import { FakePlane } from "./fake-plane.ts";

/*
 * A data process for tests: fake-plane-main.ts SOCKET [GATE]. Listens when the file GATE is there. Ends when nobody has
 * asked it anything for ten seconds, so that no failed test leaves it behind.
 */
const [socket = "", gate] = process.argv.slice(2);
const ABANDONED_MS = 10_000;

let heardAt = Date.now();
setInterval(() => {
  if (Date.now() - heardAt > ABANDONED_MS) process.exit(3);
}, 500).unref();

class Plane extends FakePlane {
  override report() {
    heardAt = Date.now();
    return super.report();
  }
}

const host = new DataHost({
  role: "router",
  socket,
  log: new MemoryLog(),
  createPlane: (tell) => new Plane(tell),
});
if (gate !== undefined) while (!existsSync(gate)) await new Promise((resolve) => setTimeout(resolve, 10));
await host.run();
