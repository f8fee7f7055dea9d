import fc from "fast-check";
import type { SchemaNode } from "../../src/config/describe.ts";

type Path = readonly (string | number)[];

/** Values of the shape that `node` describes. What the rules between keys forbid may be among them. */
export function arbitraryOf(node: SchemaNode): fc.Arbitrary<Record<string, unknown>> {
  return valueOf(node) as fc.Arbitrary<Record<string, unknown>>;
}

function valueOf(node: SchemaNode): fc.Arbitrary<unknown> {
  if (node.const !== undefined) return fc.constant(node.const);
  if (node.enum !== undefined) return fc.constantFrom(...node.enum);
  if (node.samples !== undefined) return fc.constantFrom(...node.samples);
  if (node.type === "boolean") return fc.boolean();
  if (node.type === "integer") return fc.integer({ min: node.minimum ?? 0, max: node.maximum ?? 0 });
  if (node.type === "array" && node.items !== undefined) {
    const minLength = node.minItems ?? 0;
    return fc.array(valueOf(node.items), { minLength, maxLength: Math.max(minLength, 3) });
  }
  if (node.properties !== undefined) {
    const entries = Object.entries(node.properties);
    return fc.record(Object.fromEntries(entries.map(([key, value]) => [key, valueOf(value)])), {
      requiredKeys: [...(node.required ?? [])],
    });
  }
  if (node.propertyNames !== undefined && node.additionalProperties)
    return fc.dictionary(
      valueOf(node.propertyNames) as fc.Arbitrary<string>,
      valueOf(node.additionalProperties),
    );
  throw new Error(`nothing to make a value from: ${JSON.stringify(node)}`);
}

interface Wan {
  interface?: string;
  match?: object;
  addressing?: string;
  addresses?: readonly string[];
  gateway?: string;
  role?: string;
  mtu?: number;
  check?: { kind?: string; targets: readonly string[] };
  quota?: { total?: string };
}

interface Router {
  lan: { interfaces: string[]; addresses?: string[]; dhcp?: { hosts?: object[] } };
  wans: Record<string, Wan>;
  relay?: { carriers?: number; maxCarriers?: number };
}

/** The same config where it keeps the rules between keys, else changed so that it does. */
export function lawful(config: Record<string, unknown>): Record<string, unknown> {
  const changed = structuredClone(config) as unknown as Router;
  changed.wans["always"] ??= {};
  changed.wans["always"].role = "active";
  for (const [index, wan] of Object.values(changed.wans).entries()) lawfulWan(wan, `wan${index}`);
  const { lan, relay } = changed;
  lan.interfaces = lan.interfaces.map((_, index) => `lan${index}`);
  if (lan.addresses !== undefined) {
    lan.interfaces.splice(1);
    lan.addresses = ["192.0.2.1/24", "2001:db8::1/64"];
  }
  if (lan.dhcp?.hosts !== undefined)
    lan.dhcp.hosts = lan.dhcp.hosts.map((_, index) => ({
      mac: `02:00:00:00:00:0${index}`,
      address: `192.0.2.${index + 7}`,
    }));
  if (relay?.carriers !== undefined) relay.maxCarriers = 64;
  else delete relay?.maxCarriers;
  return changed as unknown as Record<string, unknown>;
}

function lawfulWan(wan: Wan, device: string): void {
  if (wan.mtu !== undefined) wan.mtu = Math.max(wan.mtu, 1280);
  if (wan.match !== undefined && Object.keys(wan.match).length > 0) delete wan.interface;
  else {
    delete wan.match;
    wan.interface = device;
  }
  if (wan.check !== undefined)
    wan.check.targets = wan.check.kind === "tcp" ? ["192.0.2.1:443"] : ["192.0.2.1", "2001:db8::1"];
  if (wan.quota !== undefined) wan.quota.total = "1 TB";
  if (wan.addressing !== "static") delete wan.addresses;
  else wan.addresses = ["192.0.2.2/24", "2001:db8::2/64"];
}

/** Where a section with keys of its own begins, the whole file included. */
export function sectionsOf(value: unknown, node: SchemaNode, path: Path = []): readonly Path[] {
  const here = node.properties === undefined ? [] : [path];
  return [
    ...here,
    ...childrenOf(value, node).flatMap(([key, inner, below]) => sectionsOf(inner, below, [...path, key])),
  ];
}

/** Where anything stands, but the file as a whole. */
export function valuesOf(value: unknown, node: SchemaNode, path: Path = []): readonly Path[] {
  const here = path.length === 0 ? [] : [path];
  return [
    ...here,
    ...childrenOf(value, node).flatMap(([key, inner, below]) => valuesOf(inner, below, [...path, key])),
  ];
}

function childrenOf(
  value: unknown,
  node: SchemaNode,
): readonly (readonly [string | number, unknown, SchemaNode])[] {
  if (Array.isArray(value)) {
    const { items } = node;
    return items === undefined ? [] : value.map((inner, index) => [index, inner, items] as const);
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const below = node.properties?.[key] ?? node.additionalProperties;
    return below ? [[key, inner, below] as const] : [];
  });
}
