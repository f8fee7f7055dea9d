import { parentPort } from "node:worker_threads";
import { serveShard } from "../../src/control/shardport.ts";
import { FakePlane } from "./fake-plane.ts";

/* A thread with a shard that does as it is told: says what it took, dies, hangs, or never stops. */

export type Told = "say" | "throw" | "exit" | "linger" | "hang";

if (parentPort === null) throw new Error("not to be started by itself");
serveShard<Told, string>(parentPort, (tell) => {
  const plane = new FakePlane();
  let lingers = false;
  return {
    configure: (orders) => plane.configure(orders),
    report: async () => plane.report(),
    drain: () => plane.drain(),
    stop: () => (lingers ? new Promise<void>(() => setInterval(() => undefined, 1000)) : plane.stop()),
    take: (what) => {
      tell(what);
      if (what === "throw") throw new Error("a bug");
      if (what === "exit") process.exit(3);
      if (what === "linger") lingers = true;
      if (what === "hang") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      // As control's orders that can't be carried out.
      if (what === "say") plane.failure = new Error("not like this");
    },
  };
});
