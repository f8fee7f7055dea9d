import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  CONFIG_DOC,
  configDocument,
  FINDINGS_DOC,
  ROUTER_EXAMPLE,
  schemaDocument,
  schemaFile,
  SERVER_EXAMPLE,
} from "../../scripts/config-docs.ts";
import { findingsDocument } from "../../src/doctor/document.ts";
import { parseRouterConfig } from "../../src/config/router.ts";
import { parseServerConfig } from "../../src/config/server.ts";

test("the document is what the schemas say: run `node --run docs` after changing them", () => {
  expect(readFileSync(CONFIG_DOC, "utf8")).toBe(configDocument());
});

test.each(["router", "server"] as const)("so is the %s's JSON Schema", (role) => {
  expect(readFileSync(schemaFile(role), "utf8")).toBe(schemaDocument(role));
});

test("what the doctor finds is what its registry says", () => {
  expect(readFileSync(FINDINGS_DOC, "utf8")).toBe(findingsDocument());
});

test("every key is explained", () => {
  expect(configDocument()).not.toMatch(/^\| `[^`]+` \| +\|/m);
});

test("the examples are valid", () => {
  expect(Object.keys(parseRouterConfig(ROUTER_EXAMPLE, "example").wans)).toEqual(["fibre", "lte"]);
  expect(parseServerConfig(SERVER_EXAMPLE, "example").egress.allowPrivate).toEqual(["10.1.0.0/16"]);
});
