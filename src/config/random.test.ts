import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { SennitError } from "../base/errors.ts";
import { arbitraryOf, lawful, sectionsOf, valuesOf } from "../../test/config/arbitrary.ts";
import { describeSchema, nodeAt } from "./describe.ts";
import type { Problem } from "./problems.ts";
import { parseRouterConfig, routerConfigKind } from "./router.ts";
import { parseServerConfig, serverConfigKind } from "./server.ts";

/* Files made at random from what the schema says about itself, and the same with one thing put wrong. */

const ROUTER = describeSchema(routerConfigKind.schema);
const SERVER = describeSchema(serverConfigKind.schema);
const router = arbitraryOf(ROUTER).map(lawful);
const server = arbitraryOf(SERVER);

type Parse = (text: string, name: string) => unknown;

/** Where the problems are that a parser finds. */
function pathsOf(config: object, parse: Parse = parseRouterConfig): readonly string[] {
  try {
    parse(stringify(config), "random.yaml");
    return [];
  } catch (error) {
    if (!(error instanceof SennitError) || error.code !== "config-invalid") throw error;
    return (error.detail["problems"] as readonly Problem[]).map(({ path }) => path);
  }
}

describe("every config that is as the schema says", () => {
  test("of a router loads", () => {
    fc.assert(
      fc.property(router, (config) => {
        expect(pathsOf(config)).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  test("of a server loads", () => {
    fc.assert(
      fc.property(server, (config) => {
        expect(pathsOf(config, parseServerConfig)).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});

describe("one thing put wrong is told with its path:", () => {
  test("an unknown key, in any section", () => {
    const broken = router.chain((config) =>
      fc.constantFrom(...sectionsOf(config, ROUTER)).map((path) => ({ config, path })),
    );
    fc.assert(
      fc.property(broken, ({ config, path }) => {
        const changed = structuredClone(config);
        const section = path.reduce<object>((inner, key) => Reflect.get(inner, key) as object, changed);
        Reflect.set(section, "unheardOf", 1);
        expect(pathsOf(changed)).toContain([...path, "unheardOf"].join("."));
      }),
      { numRuns: 100 },
    );
  });

  test("a value of no allowed kind, at any key", () => {
    const broken = router.chain((config) =>
      fc.constantFrom(...valuesOf(config, ROUTER)).map((path) => ({ config, path })),
    );
    fc.assert(
      fc.property(broken, ({ config, path }) => {
        const changed = structuredClone(config);
        const section = path.slice(0, -1).reduce<object>((inner, key) => Reflect.get(inner, key), changed);
        // Neither a map nor a value of any kind that we have.
        const wrong = nodeAt(ROUTER, path)?.type === "object" ? 7 : { not: "this" };
        Reflect.set(section, path.at(-1) ?? "", wrong);
        expect(pathsOf(changed)).toContain(path.join("."));
      }),
      { numRuns: 100 },
    );
  });
});
