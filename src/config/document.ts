import { LineCounter, isCollection, isMap, isNode, isScalar, parseDocument, type Document } from "yaml";
import { messageOf } from "../base/errors.ts";
import type { Problem } from "./problems.ts";

/** A YAML file that remembers where everything stood. */
export interface ConfigDocument {
  /** The content as plain values; meaningless where `problems` is not empty. */
  readonly value: unknown;
  /** What YAML itself finds wrong: syntax, a key twice, an unknown tag. */
  readonly problems: readonly Problem[];
  /** Line of the key or entry at `path`, or of the nearest section above it that exists. */
  lineOf(path: readonly PropertyKey[]): number;
}

/** Aliases that a file may expand to: enough for any honest file, too few for a "billion laughs" one. */
const MAX_ALIASES = 100;

export function readDocument(text: string): ConfigDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: "1.2" });
  const lineAt = (offset: number): number => Math.max(lines.linePos(offset).line, 1);
  const problems = [...document.errors, ...document.warnings].map((error) =>
    notYaml(lineAt(error.pos[0]), error),
  );
  let value: unknown;
  try {
    if (problems.length === 0) value = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    problems.push(notYaml(1, error));
  }
  return { value, problems, lineOf: (path) => lineAt(offsetOf(document, path)) };
}

function notYaml(line: number, error: unknown): Problem {
  return { path: "", line, found: messageOf(error), allowed: "YAML 1.2, every key once" };
}

/** Where the key (in a map) or the entry (in a list) named by `path` begins; as far down as the file has it. */
function offsetOf(document: Document.Parsed, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (pair === undefined) break;
      if (isNode(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isCollection(node)) {
      node = node.get(key, true);
      if (!isNode(node)) break;
      offset = node.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}
