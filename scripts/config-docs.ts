/** Writes docs/config.md, docs/*.schema.json and docs/findings.md from what schemas and registry say about themselves. `node --run docs` runs it. */
import { writeFileSync } from "node:fs";
import { allowedAt, describeSchema, type SchemaNode } from "../src/config/describe.ts";
import { editorSchema } from "../src/config/role.ts";
import type { Role } from "../src/config/fields.ts";
import { routerConfigKind } from "../src/config/router.ts";
import { serverConfigKind } from "../src/config/server.ts";
import { findingsDocument } from "../src/doctor/document.ts";

export const CONFIG_DOC = "docs/config.md";
export const FINDINGS_DOC = "docs/findings.md";

export const ROUTER_EXAMPLE = `version: 1
lan:
  interfaces: [eth0]
wans:
  fibre: { interface: eth1 }
  lte: { interface: wwan0, role: backup }
`;

export const SERVER_EXAMPLE = `version: 1
listen: { port: 443 }
egress:
  allowPrivate: [10.1.0.0/16]
`;

/** The whole document. */
export function configDocument(): string {
  return `# Config files

<!-- Written by scripts/config-docs.ts from the schemas in src/config/: change those, then run \`node --run docs\`. -->

A router and a server each read one YAML file. A file is checked as a whole before anything is done: \`sennit config check
-c FILE\` tells every problem at once, each with its line, what was found and what is allowed; the exit code is 2. Unknown keys are
problems too. Everything that has a default may be left out.

Editors that know JSON Schema complete and check while you type: [router.schema.json](router.schema.json) and
[server.schema.json](server.schema.json), which \`sennit config schema ROLE\` prints as well. With the YAML language server, the file's first line is
\`# yaml-language-server: $schema=PATH\`.

## Router

The server's address and keys are not in this file: \`sennit router join TOKEN\` keeps them in the state directory.

\`\`\`yaml
${ROUTER_EXAMPLE}\`\`\`

${keyTable(describeSchema(routerConfigKind.schema))}

A device has one job: it is one WAN's or the LAN's. Of the WANs at least one and at most 8 (the kernel's limit) are not \`off\`.

## Server

\`\`\`yaml
${SERVER_EXAMPLE}\`\`\`

${keyTable(describeSchema(serverConfigKind.schema))}
`;
}

function keyTable(root: SchemaNode): string {
  const rows = [...keysOf(root)].map(({ path, node, required }) => {
    const allowed = node.properties === undefined ? allowedAt(node) : "";
    const cells = [
      `\`${path}\``,
      node.description ?? "",
      allowed,
      required ? "**required**" : defaultOf(node),
    ];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  });
  return ["| key | what it is | allowed | default |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

interface Key {
  readonly path: string;
  readonly node: SchemaNode;
  readonly required: boolean;
}

/** Every key, top down; a name of the user's choice stands as NAME. */
function* keysOf(parent: SchemaNode, prefix = ""): Iterable<Key> {
  for (const [key, node] of Object.entries(parent.properties ?? {})) {
    yield { path: prefix + key, node, required: parent.required?.includes(key) ?? false };
    yield* keysOf(node, `${prefix}${key}.`);
    if (node.items) yield* keysOf(node.items, `${prefix}${key}[].`);
    if (node.additionalProperties) yield* keysOf(node.additionalProperties, `${prefix}${key}.NAME.`);
  }
}

/** A section's default is made of its keys' defaults. */
function defaultOf(node: SchemaNode): string {
  if (node.default === undefined || node.properties !== undefined) return "";
  return `\`${typeof node.default === "string" ? node.default : JSON.stringify(node.default)}\``;
}

/** The JSON Schema of a role's file, for editors. */
export const schemaFile = (role: Role): string => `docs/${role}.schema.json`;
export const schemaDocument = (role: Role): string => `${JSON.stringify(editorSchema(role), undefined, 2)}\n`;

if (import.meta.main) {
  writeFileSync(CONFIG_DOC, configDocument());
  writeFileSync(FINDINGS_DOC, findingsDocument());
  for (const role of ["router", "server"] as const) writeFileSync(schemaFile(role), schemaDocument(role));
}
