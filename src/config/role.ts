import { parse } from "yaml";
import { z } from "zod";
import type { Role } from "./fields.ts";
import { routerConfigKind } from "./router.ts";
import { serverConfigKind } from "./server.ts";

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
