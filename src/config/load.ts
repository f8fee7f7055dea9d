import { open } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import type { z } from "zod";
import { SennitError, messageOf } from "../base/errors.ts";
import { allowedAt, describeSchema, nodeAt, type SchemaNode } from "./describe.ts";
import { readDocument } from "./document.ts";
import { configError, didYouMean, listed, type Problem } from "./problems.ts";

type Path = readonly PropertyKey[];

/** A problem before its line is known. */
export interface Fault {
  readonly path: Path;
  readonly found: string;
  readonly allowed: string;
}

/**
 * A kind of config file: the shape of every key, and the rules between keys. `rules` gets whatever the file holds,
 * however wrong its shape is, so that all problems can be told at once.
 */
export interface ConfigKind<S extends z.ZodType> {
  readonly schema: S;
  rules(value: unknown): readonly Fault[];
}

/** No config is longer than some hundred lines; a larger file is the wrong file. */
const MAX_CONFIG_BYTES = 1024 * 1024;

/** Checks `text` against everything known about its kind. Throws one `config-invalid` with every problem there is. */
export function parseConfig<S extends z.ZodType>(
  kind: ConfigKind<S>,
  text: string,
  name: string,
): z.output<S> {
  const document = readDocument(text);
  if (document.problems.length > 0) throw configError(name, document.problems);
  // An empty file is a file without keys: the reader is told which ones are missing.
  const value = document.value ?? {};
  const parsed = kind.schema.safeParse(value);
  const description = describeSchema(kind.schema);
  const shape = parsed.success
    ? []
    : parsed.error.issues.flatMap((issue) => faultsOf(issue, value, description));
  const problems = [...shape, ...kind.rules(value)].map(({ path, found, allowed }): Problem => ({
    path: path.join("."),
    line: document.lineOf(path),
    found,
    allowed,
  }));
  if (problems.length > 0)
    throw configError(
      name,
      problems.sort((a, b) => a.line - b.line),
    );
  if (!parsed.success)
    throw new SennitError("bug", "config-unexplained", `${name}: refused without a reason`);
  return parsed.data;
}

/** Reads and checks a file. Besides `config-invalid`, throws `config-unreadable`. */
export async function loadConfig<S extends z.ZodType>(
  kind: ConfigKind<S>,
  path: string,
): Promise<z.output<S>> {
  return parseConfig(kind, await readText(path), path);
}

/** The text of a config file. Throws `config-unreadable`. */
export async function readText(path: string): Promise<string> {
  try {
    await using file = await open(path, "r");
    // Pipes and devices have no size: only reading tells. `end` is the last byte that is read.
    const bytes = await buffer(file.createReadStream({ autoClose: false, end: MAX_CONFIG_BYTES }));
    if (bytes.length > MAX_CONFIG_BYTES) throw new Error(`more than the ${MAX_CONFIG_BYTES} bytes allowed`);
    return bytes.toString("utf8");
  } catch (error) {
    throw new SennitError(
      "config",
      "config-unreadable",
      `cannot read the config file ${path}: ${messageOf(error)}`,
      {
        cause: error,
        detail: { path },
      },
    );
  }
}

function faultsOf(issue: z.core.$ZodIssue, value: unknown, root: SchemaNode): Fault[] {
  const node = nodeAt(root, issue.path) ?? {};
  if (issue.code === "unrecognized_keys") {
    const known = Object.keys(node.properties ?? {});
    return issue.keys.map((key) => {
      const guess = didYouMean(key, known);
      const hint = guess === undefined ? "" : ` (did you mean "${guess}"?)`;
      return { path: [...issue.path, key], found: `the unknown key "${key}"${hint}`, allowed: listed(known) };
    });
  }
  if (issue.code === "invalid_key") {
    const names = nodeAt(root, issue.path.slice(0, -1))?.propertyNames ?? {};
    return [
      { path: issue.path, found: `the name "${String(issue.path.at(-1))}"`, allowed: allowedAt(names) },
    ];
  }
  return [{ path: issue.path, found: show(valueAt(value, issue.path)), allowed: allowedAt(node) }];
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, key) => (typeof inner === "object" && inner !== null ? Reflect.get(inner, key) : undefined),
    value,
  );
}

/** A value as it stands in the file, cut to a length that can be read. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "an empty value";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
