import { globSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  RULES,
  filesStayShort,
  importsGoDown,
  noCycles,
  onlyLinuxKnowsTheKernel,
  pureFloorsDoNoIo,
  type House,
  type Rule,
} from "./house/rules.ts";
import { readSource, type Source } from "./house/source.ts";

/** The order of docs/architecture.md: a floor imports only what is below it. */
const HOUSE: House = {
  floors: [
    ["cli"],
    ["lab"],
    ["router", "server"],
    ["api"],
    ["doctor"],
    ["control"],
    ["relay", "tunnel"],
    ["netplan"],
    ["wan"],
    ["wire"],
    ["config"],
    ["store"],
    ["linux"],
    ["base"],
  ],
  pure: ["netplan", "wan", "wire"],
};

const sources = globSync(["src/**/*.ts", "test/**/*.ts", "scripts/**/*.ts", "bench/**/*.ts"]).map((path) =>
  readSource(path),
);

/** What one rule says about a house with this one file in it. */
const one = (rule: Rule, path: string, text: string): string[] => [...rule(HOUSE, [readSource(path, text)])];

describe("the house", () => {
  test.each(Object.entries(RULES))("%s", (_, rule) => {
    expect(sources.length).toBeGreaterThan(0);
    expect([...rule(HOUSE, sources)]).toEqual([]);
  });

  test("docs/architecture.md shows the same floors", () => {
    const doc = readFileSync("docs/architecture.md", "utf8");
    const block = /```floors\n([\s\S]*?)```/.exec(doc)?.[1] ?? "";
    const rows = block
      .trim()
      .split("\n")
      .map((line) => [...line.matchAll(/([a-z]+)\/(?=\s)/g)].map((match) => match[1]));
    expect(rows).toEqual(HOUSE.floors);
  });
});

describe("the rules catch", () => {
  test.each([
    ["upwards", 'import { y } from "../control/y.ts";', ["src/control/y.ts: relay is below control"]],
    ["upwards, types too", 'import type { Y } from "../api/y.ts";', ["src/api/y.ts: relay is below api"]],
    ["upwards, re-exported", 'export * from "../cli/y.ts";', ["src/cli/y.ts: relay is below cli"]],
    ["upwards, later", 'const y = await import("../lab/y.ts");', ["src/lab/y.ts: relay is below lab"]],
    ["sideways", 'import "../tunnel/y.ts";', ["src/tunnel/y.ts: relay stands beside tunnel"]],
    ["nothing", 'import "./y.ts"; import "../linux/y.ts"; import "zod"; // import "../cli/y.ts"', []],
  ])("imports that go %s", (_, text, expected) => {
    expect(one(importsGoDown, "src/relay/x.ts", text)).toEqual(
      expected.map((what) => `src/relay/x.ts must not import ${what}`),
    );
  });

  test("a file on no floor", () => {
    expect(one(importsGoDown, "src/attic/x.ts", "")).toHaveLength(1);
  });

  test.each([
    ['import koffi from "koffi";', 1],
    ['import { spawn } from "node:child_process";', 1],
    ['const path = "/proc/self/status";', 1],
    ["const path = `/sys/class/net/${name}`;", 1],
    ['const path = "/process/sys";', 0],
  ])("the kernel touched by %s", (text, count) => {
    expect(one(onlyLinuxKnowsTheKernel, "src/router/x.ts", text)).toHaveLength(count);
    expect(one(onlyLinuxKnowsTheKernel, "src/linux/x.ts", text)).toEqual([]);
  });

  test.each([
    ['import { connect } from "node:net";', 1],
    ['import { readFileSync } from "node:fs";', 1],
    ["const now = Date.now() + performance.now();", 2],
    ["const chance = Math.random();", 1],
    ["setTimeout(() => undefined, 1);", 1],
    ['import { hkdfSync } from "node:crypto";', 0],
    ['import type { RouterConfig } from "../config/router.ts";', 0],
    ["const now = clock.now();", 0],
  ])("I/O on a pure floor by %s", (text, count) => {
    expect(one(pureFloorsDoNoIo, "src/wire/x.ts", text)).toHaveLength(count);
    expect(one(pureFloorsDoNoIo, "src/relay/x.ts", text)).toEqual([]);
  });

  test("I/O that a pure floor would load by way of another file, but not for its types", () => {
    const door = readSource("src/linux/door.ts", 'import koffi from "koffi"; export type Open = () => void;');
    const through = readSource("src/base/through.ts", 'export { open } from "../linux/door.ts";');
    const plan = (text: string): Source => readSource("src/netplan/plan.ts", text);
    const loads = plan('import { open } from "../base/through.ts";');
    expect([...pureFloorsDoNoIo(HOUSE, [door, through, loads])]).toEqual([
      "src/netplan/plan.ts -> src/base/through.ts -> src/linux/door.ts -> koffi: netplan is pure, it must not load what can do I/O",
    ]);
    const types = plan('import type { Open } from "../linux/door.ts";');
    expect([...pureFloorsDoNoIo(HOUSE, [door, through, types])]).toEqual([]);
  });

  test("files that import each other", () => {
    const circle = [
      readSource("src/base/a.ts", 'import "./b.ts";'),
      readSource("src/base/b.ts", 'import "./c.ts"; import "./d.ts";'),
      readSource("src/base/c.ts", 'import "./a.ts";'),
      readSource("src/base/d.ts", ""),
    ];
    expect(noCycles(HOUSE, circle)).toEqual([
      "files import each other: src/base/a.ts -> src/base/b.ts -> src/base/c.ts -> src/base/a.ts",
    ]);
    expect(noCycles(HOUSE, circle.slice(1))).toEqual([]);
  });

  test("a file that is too long", () => {
    expect(one(filesStayShort, "src/base/x.ts", "\n".repeat(601))).toHaveLength(1);
    expect(one(filesStayShort, "src/base/x.ts", "\n".repeat(600))).toEqual([]);
  });
});
