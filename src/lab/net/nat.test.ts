import { describe, expect, test } from "vitest";
import type { NatKind, NatSpec } from "../topology/natschema.ts";
import { natRules } from "./nat.ts";

const spec: NatSpec = { outside: "wan", tcp: 3_600_000, udp: 30_000, maxEntries: 100 };
const render = (kind: NatKind | undefined, generation = 0): string =>
  natRules({ spec, kind, address: "192.0.2.1", generation });
/** The pool is a line of its own kind: tested apart. */
const withoutPool = (rules: string): string => rules.replaceAll(/mod 4096 map \{[^}]*\}/g, "POOL");
const pool = (rules: string): number[] =>
  [...(/mod 4096 map \{([^}]*)\}/.exec(rules)?.[1] ?? "").matchAll(/: (\d+)/g)].map(([, port]) =>
    Number(port),
  );

test("as Linux does it", () => {
  expect(render(undefined)).toBe(`add table ip lab
delete table ip lab
table ip lab {
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "wan" ct state { new, invalid } drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state invalid drop
    iifname "wan" ct state new ct status & dnat == 0 drop
    ct state new ct count over 100 drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan" masquerade
  }
}
`);
});

describe("a kind of its own", () => {
  const kind: NatKind = {
    mapping: "address-dependent",
    filtering: "address-dependent",
    ports: "preserved",
    hairpin: true,
  };
  const lines = (rules: string): string[] =>
    withoutPool(rules)
      .split("\n")
      .map((line) => line.trim());

  test("what it decides for UDP, and what it learns", () => {
    const about = lines(render(kind)).filter((line) => line.includes("udp"));
    expect(about).toEqual([
      "map udp-mappings {",
      "map udp-owners {",
      "set udp-peers {",
      'iifname "wan" ip daddr 192.0.2.1 udp dport . ip saddr @udp-peers dnat ip to udp dport map @udp-owners',
      'iifname != "wan" ip daddr 192.0.2.1 dnat ip to udp dport map @udp-owners',
      "meta l4proto != { tcp, udp } masquerade",
      "meta l4proto udp snat ip to 192.0.2.1 : ct original ip saddr . ct original proto-src . ct original ip daddr map @udp-mappings",
      "meta l4proto udp ct original proto-src != @udp-owners snat ip to 192.0.2.1 : udp sport",
      "meta l4proto udp snat ip to 192.0.2.1 : numgen inc POOL",
      "chain udp-seen {",
      "meta l4proto udp ct status snat ct state new ct original ip saddr . ct original proto-src . ct original ip daddr != @udp-mappings ct reply proto-dst @udp-owners drop",
      "meta l4proto udp ct status snat update @udp-mappings { ct original ip saddr . ct original proto-src . ct original ip daddr timeout 30s : ct reply proto-dst }",
      "meta l4proto udp ct status snat update @udp-owners { ct reply proto-dst timeout 30s : ct original ip saddr . ct original proto-src }",
      "meta l4proto udp ct status snat update @udp-peers { ct reply proto-dst . ct original ip daddr timeout 30s }",
      "meta l4proto udp ct status dnat update @udp-owners { ct original proto-dst timeout 30s : ct reply ip saddr . ct reply proto-src }",
      "meta l4proto udp goto udp-seen",
    ]);
  });

  test("TCP is remembered for long while it is open only", () => {
    const rules = render(kind);
    expect(rules).toContain("@tcp-owners { ct reply proto-dst timeout 3600s :");
    expect(rules).toContain("@tcp-owners { ct reply proto-dst timeout 240s :");
  });

  test("filtering by address and port needs no rule, as connections are known by both", () => {
    const strict = render({ ...kind, filtering: "address-and-port-dependent", hairpin: false });
    expect(strict).not.toContain("dnat ip to");
    expect(strict).not.toContain("peers");
  });

  test("changed ports come from the pool alone", () => {
    expect(render({ ...kind, ports: "changed" })).not.toContain(": udp sport");
  });

  test("the pool has every port once, and begins elsewhere after a restart", () => {
    const [first, second] = [pool(render(kind)), pool(render(kind, 1))];
    expect(new Set(first).size).toBe(4096);
    expect(Math.min(...first)).toBe(1024);
    expect(Math.max(...first)).toBe(1024 + 4096 - 1);
    expect(new Set(second)).toEqual(new Set(first));
    expect(second[0]).not.toBe(first[0]);
  });
});
