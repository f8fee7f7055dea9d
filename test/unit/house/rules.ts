import type { Source } from "./source.ts";

/**
 * The rules of the house (docs/architecture.md), each a function from all sources to sentences about what breaks it.
 */
export interface House {
  /** Top to bottom. Floors in one row stand side by side and do not know each other. */
  readonly floors: readonly (readonly string[])[];
  /** Floors of pure functions: bytes and values in, bytes and values out. */
  readonly pure: readonly string[];
}

export type Rule = (house: House, sources: readonly Source[]) => Iterable<string>;

/** A file may be long before it must be split; docs/architecture.md says why. */
const MAX_LINES = 600;

/** What only linux/ may use: the doors to the kernel. */
const KERNEL_MODULES = new Set(["koffi", "node:child_process", "child_process"]);
const KERNEL_PATH = /^\/(?:proc|sys)(?:\/|$)/;

/** Modules of Node that only compute. */
const PURE_MODULES = new Set(["node:assert", "node:buffer", "node:crypto", "node:util"]);
const canDoIo = (module: string): boolean =>
  KERNEL_MODULES.has(module) || (module.startsWith("node:") && !PURE_MODULES.has(module));
const IMPURE_NAMES = new Set([
  ..."setTimeout setInterval setImmediate queueMicrotask fetch randomBytes randomInt randomUUID".split(" "),
  ..."Date.now performance.now process.hrtime process.env process.nextTick".split(" "),
  ..."Math.random crypto.getRandomValues".split(" "),
]);

const isTest = (path: string): boolean => path.endsWith(".test.ts");
const floorOf = (path: string): string => path.split("/")[1] ?? "";
const code = (sources: readonly Source[]): Source[] =>
  sources.filter(({ path }) => path.startsWith("src/") && !isTest(path));

export function* importsGoDown(house: House, sources: readonly Source[]): Iterable<string> {
  const depth = new Map(house.floors.flatMap((row, index) => row.map((floor) => [floor, index] as const)));
  for (const { path, imports } of code(sources)) {
    const from = floorOf(path);
    const fromDepth = depth.get(from);
    if (fromDepth === undefined) {
      yield `${path} stands on no floor: add src/${from}/ to the table, or move it`;
      continue;
    }
    for (const { target } of imports) {
      if (!target.startsWith("src/")) continue;
      const to = floorOf(target);
      const toDepth = depth.get(to) ?? -1;
      if (to === from || toDepth > fromDepth) continue;
      const why = toDepth === fromDepth ? `stands beside ${to}` : `is below ${to}`;
      yield `${path} must not import ${target}: ${from} ${why}`;
    }
  }
}

export function* onlyLinuxKnowsTheKernel(_: House, sources: readonly Source[]): Iterable<string> {
  for (const { path, imports, strings } of code(sources)) {
    if (floorOf(path) === "linux") continue;
    for (const { target } of imports) {
      if (KERNEL_MODULES.has(target)) yield `${path} must not import ${target}: only linux/ may`;
    }
    for (const text of strings) {
      if (KERNEL_PATH.test(text)) yield `${path} must not touch ${text}: only linux/ may`;
    }
  }
}

export function* pureFloorsDoNoIo(house: House, sources: readonly Source[]): Iterable<string> {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  for (const { path, names } of code(sources)) {
    const floor = floorOf(path);
    if (!house.pure.includes(floor)) continue;
    const chain = chainToIo(path, byPath);
    if (chain !== undefined)
      yield `${chain.join(" -> ")}: ${floor} is pure, it must not load what can do I/O`;
    for (const name of names) {
      if (IMPURE_NAMES.has(name))
        yield `${path} must not use ${name}: ${floor} is pure, time and chance are inputs`;
    }
  }
}

/** The imports by which loading `path` comes to load a module that can do I/O, if it does; types load nothing. */
function chainToIo(path: string, byPath: ReadonlyMap<string, Source>): readonly string[] | undefined {
  const seen = new Set<string>();
  const queue: (readonly string[])[] = [[path]];
  for (const chain of queue) {
    const last = chain.at(-1) ?? path;
    if (canDoIo(last)) return chain;
    if (seen.has(last)) continue;
    seen.add(last);
    for (const { target, typeOnly } of byPath.get(last)?.imports ?? []) {
      if (!typeOnly) queue.push([...chain, target]);
    }
  }
  return undefined;
}

export function noCycles(_: House, sources: readonly Source[]): Iterable<string> {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) cycles.push(`files import each other: ${[...trail.slice(start), path].join(" -> ")}`);
    if (start >= 0 || done.has(path)) return;
    for (const { target } of byPath.get(path)?.imports ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of byPath.keys()) visit(path, []);
  return cycles;
}

export function* filesStayShort(_: House, sources: readonly Source[]): Iterable<string> {
  for (const { path, lines } of sources) {
    if (lines > MAX_LINES) yield `${path} has ${lines} lines: split it, ${MAX_LINES} are too many`;
  }
}

export const RULES: Readonly<Record<string, Rule>> = {
  "imports go down": importsGoDown,
  "only linux/ knows the kernel": onlyLinuxKnowsTheKernel,
  "pure floors do no I/O": pureFloorsDoNoIo,
  "no import cycles": noCycles,
  "files stay short": filesStayShort,
};
