/**
 * Records on the history at argv[2] until it is killed: a thousand seconds of a router with two WANs in every second, each told on
 * standard output as soon as it is taken down. The program behind history.lab.test.ts.
 */
import { writeSync } from "node:fs";
import { flushCompileCache } from "node:module";
import { sampleStatus } from "../../src/api/sample.ts";
import { ManualClock } from "../../src/base/clock.ts";
import { MemoryLog } from "../../src/base/log.ts";
import { Recorder } from "../../src/router/recorder.ts";
import { History } from "../../src/store/history/history.ts";
import { RETENTION } from "./retention.ts";

const [, , path = "", firstSecond = ""] = process.argv;
const clock = new ManualClock();
const beganMs = Number(firstSecond) * 1000;
const history = new History({
  path,
  retention: RETENTION,
  onDamaged: (_, why) => {
    throw new Error(why);
  },
});
const recorder = new Recorder({
  history,
  clock,
  wallClock: () => beganMs + clock.now(),
  log: new MemoryLog(),
});
recorder.start();
// Now: who is killed writes nothing, and the next one of a hundred is to start sooner.
flushCompileCache();

setInterval(() => {
  recorder.look(sampleStatus.wans);
  recorder.note({
    at: beganMs + clock.now(),
    code: "test",
    severity: "info",
    wan: null,
    text: "x",
    fields: {},
  });
  writeSync(1, `${beganMs / 1000 + clock.now() / 1000}\n`);
  clock.advance(1000);
}, 1);
