import { z } from "zod";
import { listed } from "./problems.ts";

/**
 * What a schema says about itself, as JSON Schema. One source for three readers: the messages about a wrong file, the
 * keys suggested for a misspelt one, and docs/config.md. `allowed` and `samples` are our own additions (zod's `meta`): the
 * words for a rule that JSON Schema has none for, and values that keep it (zod drops `examples` where text becomes a number).
 */
export interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly allowed?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly anyOf?: readonly SchemaNode[];
  readonly samples?: readonly unknown[];
  readonly items?: SchemaNode;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly propertyNames?: SchemaNode;
  readonly additionalProperties?: SchemaNode | false;
}

/** The schema of what the user writes (before defaults are filled in). */
export function describeSchema(schema: z.ZodType): SchemaNode {
  return z.toJSONSchema(schema, { io: "input" }) as SchemaNode;
}

/** The same as a standard JSON Schema (draft 2020-12): our `allowed` goes into the description, our `samples` into `examples`. */
export function standardSchema(node: SchemaNode): object {
  const { allowed, samples, ...known } = node;
  const description = [node.description, allowed && `Allowed: ${allowed}`].filter(Boolean).join(". ");
  return {
    ...known,
    ...(description !== "" && { description }),
    ...(samples && { examples: samples }),
    ...(node.properties && {
      properties: Object.fromEntries(
        Object.entries(node.properties).map(([key, value]) => [key, standardSchema(value)]),
      ),
    }),
    ...(node.items && { items: standardSchema(node.items) }),
    ...(node.anyOf && { anyOf: node.anyOf.map(standardSchema) }),
    ...(node.propertyNames && { propertyNames: standardSchema(node.propertyNames) }),
    ...(node.additionalProperties && { additionalProperties: standardSchema(node.additionalProperties) }),
  };
}

/** The node that `path` leads to, or undefined where the schema knows no such place. */
export function nodeAt(root: SchemaNode, path: readonly PropertyKey[]): SchemaNode | undefined {
  let node: SchemaNode | undefined = root;
  for (const key of path) {
    if (typeof key === "number") node = node?.items;
    else node = node?.properties?.[String(key)] ?? (node?.additionalProperties || undefined);
  }
  return node;
}

/** What may stand at this place, as half a sentence: "a whole number from 1 to 64". */
export function allowedAt(node: SchemaNode): string {
  if (node.allowed !== undefined) return node.allowed;
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum !== undefined) return listed(node.enum.map(String));
  if (node.type === "integer") return `a whole number from ${node.minimum} to ${node.maximum}`;
  if (node.type === "array" && node.items !== undefined) {
    return `a list${lengthOf(node)}, each entry ${allowedAt(node.items)}`;
  }
  if (node.properties !== undefined) return `a section with ${listed(Object.keys(node.properties), "and")}`;
  if (node.type === "boolean") return "true or false";
  return node.type === undefined ? "something else" : `a ${node.type}`;
}

function lengthOf({ minItems, maxItems }: SchemaNode): string {
  if (minItems === undefined && maxItems === undefined) return "";
  if (maxItems === undefined) return ` (at least ${minItems})`;
  return minItems === undefined ? ` (at most ${maxItems})` : ` (${minItems} to ${maxItems})`;
}
