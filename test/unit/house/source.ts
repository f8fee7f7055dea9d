import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { parseAst } from "vitest/node";

export interface Import {
  /** A path of ours from the root ("src/base/log.ts"), or a module's name as written ("koffi", "node:fs"). */
  readonly target: string;
  /** Gone at run time. */
  readonly typeOnly: boolean;
}

/** What the rules of the house look at in a file. */
export interface Source {
  readonly path: string;
  readonly lines: number;
  readonly imports: readonly Import[];
  /** String literals and the constant parts of templates. */
  readonly strings: readonly string[];
  /** Names used, members with their object: "setTimeout", "Date.now". */
  readonly names: ReadonlySet<string>;
}

/** The syntax tree as ESTree has it, as far as it is looked at here. */
interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Node).type === "string";

export function readSource(path: string, text = readFileSync(path, "utf8")): Source {
  const imports: Import[] = [];
  const strings: string[] = [];
  const names = new Set<string>();
  const addImport = (specifier: Node, typeOnly: boolean): void => {
    const written = String(specifier["value"]);
    const target = written.startsWith(".") ? normalize(join(dirname(path), written)) : written;
    imports.push({ target, typeOnly });
  };

  const visit = (node: Node): void => {
    const { type, source, value } = node;
    if (isNode(source)) {
      addImport(source, node["importKind"] === "type" || node["exportKind"] === "type");
    } else if (type === "Literal" && typeof value === "string") {
      strings.push(value);
    } else if (type === "TemplateElement") {
      strings.push((value as { cooked: string | null }).cooked ?? "");
    } else if (type === "Identifier") {
      names.add(String(node["name"]));
    } else if (type === "MemberExpression" && isNode(node["object"]) && isNode(node["property"])) {
      names.add(`${String(node["object"]["name"])}.${String(node["property"]["name"])}`);
    }
    for (const child of Object.values(node).flat()) if (isNode(child)) visit(child);
  };
  visit(parseAst(text, { lang: "ts" }) as unknown as Node);
  return { path, lines: text.split("\n").length - 1, imports, strings, names };
}
