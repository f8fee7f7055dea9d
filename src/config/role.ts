import { parse } from "yaml";
import { z } from "zod";
import { describeSchema, standardSchema } from "./describe.ts";
import type { Role } from "./fields.ts";
import { routerConfigKind } from "./router.ts";
import { serverConfigKind } from "./server.ts";

/** What editors want to know of a role's file: a JSON Schema. It can't say the rules between keys. */
export const editorSchema = (role: Role): object => ({
  ...standardSchema(describeSchema((role === "router" ? routerConfigKind : serverConfigKind).schema)),
  title: `Config of a Sennit ${role}`,
});

const keysOnly = z.record(z.string(), z.unknown());

/** What a config file is for, told by its keys alone, so that a file full of mistakes is still recognised. */
export function roleOfConfig(text: string): Role {
  let value: unknown;
  try {
    value = parse(text, { logLevel: "silent" });
  } catch {
    return "router";
  }
  const keys = Object.keys(keysOnly.safeParse(value).data ?? {});
  const score = (known: object): number => keys.filter((key) => key in known).length;
  return score(serverConfigKind.schema.shape) > score(routerConfigKind.schema.shape) ? "server" : "router";
}
