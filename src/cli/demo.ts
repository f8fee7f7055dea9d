import { Command } from "commander";
import { open, type FileHandle } from "node:fs/promises";
import { Closer } from "../base/closer.ts";
import { messageOf, SennitError } from "../base/errors.ts";
import { serveLab } from "../lab/control.ts";
import { measureAlone, measureBonded, NatEntries, ROUTER, SERVER_ENDPOINT } from "../lab/demo/demo.ts";
import { allHold, judge, type Figures } from "../lab/demo/figures.ts";
import { Screen } from "../lab/demo/screen.ts";
import type { Lab } from "../lab/lab.ts";
import { Pair } from "../lab/pair.ts";
import { topologyText } from "../lab/topology/topology.ts";
import { EXIT } from "./exit.ts";
import { paint, table, writeLine } from "./output.ts";

interface Options {
  readonly once?: true;
  readonly out?: string;
}

/** `sennit demo`: two WANs, one download, a cut, in the lab and with the real router and server. */
export function demoCommand(): Command {
  return new Command("demo")
    .description("Show two WANs bonded, and one of them cut, in the lab")
    .option("--once", "end after the figures; exit code 1 where one does not hold")
    .option("--out <file>", "write the figures as JSON")
    .action(async (options: Options) => {
      let stopped = false;
      const end = Promise.withResolvers<void>();
      for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
        process.once(signal, () => {
          stopped = true;
          end.resolve();
        });
      }
      const closer = new Closer();
      const showing = show(options, closer, end).then(end.resolve, end.reject);
      await end.promise.catch(() => undefined);
      await closer.close();
      // It may have been in the middle of building something: that is undone once it is there.
      await showing;
      await closer.close();
      // What failed in one of our programs may have been the terminal's Ctrl-C, which it heard before us.
      if (!stopped) await end.promise;
    });
}

async function show(options: Options, closer: Closer, end: PromiseWithResolvers<void>): Promise<void> {
  // Until the figures say otherwise: who stops the demo before has none.
  process.exitCode = EXIT.failure;
  const out = options.out === undefined ? undefined : await openForFigures(options.out, closer);
  writeLine("Building the internet in a box:");
  for (const line of await picture()) writeLine(paint("dim", line));
  const served = await serveLab("cascade", { name: "demo" });
  closer.add("lab", () => served.close());
  const { lab } = served;
  void served.asked.then(end.resolve);
  lab.broken.catch(end.reject);
  const screen = new Screen(lab, process.stdout);
  void end.promise.catch(() => undefined).then(() => screen.stop());
  screen.start();

  const alone = await measureAlone(lab, screen);
  const before = await NatEntries.now(lab);
  screen.act("Sennit: server and router");
  const pair = await bond(lab, closer, screen);
  const figures = { ...alone, ...(await measureBonded(lab, screen, before)) };
  screen.stop();

  report(figures);
  await out?.writeFile(`${JSON.stringify(figures, undefined, 2)}\n`);
  process.exitCode = allHold(figures) ? EXIT.ok : EXIT.failure;
  if (options.once) return;
  for (const line of howToPlay(pair)) writeLine(line);
  screen.start();
  await end.promise;
}

/** Before anything is built: who cannot write there should not wait a minute to hear of it. */
async function openForFigures(path: string, closer: Closer): Promise<FileHandle> {
  try {
    const file = await open(path, "w");
    closer.add("figures", () => file.close());
    return file;
  } catch (cause) {
    throw new SennitError("config", "out-unwritable", `the figures cannot be written: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** Starts both ends as a user would, and says how. */
async function bond(lab: Lab, closer: Closer, screen: Screen): Promise<Pair> {
  const pair = await Pair.prepare(lab, { endpoint: SERVER_ENDPOINT, router: ROUTER });
  closer.add("Sennit", () => pair.down());
  screen.note(`server: sennit server invite --endpoint ${SERVER_ENDPOINT}`);
  screen.note("router: sennit router join sennit1...");
  const startedAt = performance.now();
  await pair.up();
  const { carriers, subflows } = await pair.status("router");
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  screen.note(
    `both are up after ${seconds} s: ${carriers.length} carriers, ${subflows.length} subflows over two WANs`,
  );
  return pair;
}

function report(figures: Figures): void {
  writeLine();
  const rows = judge(figures).map(({ what, measured, wanted, ok }) => [
    what,
    measured,
    wanted,
    wanted === "" ? "" : ok ? paint("green", "holds") : paint("red", "does not hold"),
  ]);
  for (const line of table(["", "measured", "promised", ""], rows)) writeLine(line);
}

function howToPlay(pair: Pair): readonly string[] {
  const rows = [
    ["  bin/sennit lab fault down fibre", "cut it; also: blackhole, loss, rate, delay, nat-reboot, ..."],
    ["  bin/sennit lab heal", "mend everything"],
    [
      "  bin/sennit lab exec users -- curl -o /dev/null http://203.0.113.80/bytes/500000000",
      "download as a user",
    ],
    [`  bin/sennit status -c ${pair.configFile("router")}`, "WANs, carriers, subflows, flows"],
    [`  tail -f ${pair.logFile}`, "what both ends say"],
  ];
  return [
    "",
    "It stays up. In another terminal:",
    ...table(["", ""], rows).slice(1),
    "",
    "Ctrl-C ends it.",
    "",
  ];
}

/** The drawing at the top of the topology's file. */
async function picture(): Promise<readonly string[]> {
  const lines = (await topologyText("cascade")).split("\n");
  const end = lines.findIndex((line) => line.startsWith("# ==="));
  return lines.slice(1, end).map((line) => line.slice(1));
}
