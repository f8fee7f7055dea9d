import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Lab } from "../../src/lab/lab.ts";
import { natKind, type NatKind } from "../../src/lab/topology/natschema.ts";
import { parseTopology } from "../../src/lab/topology/topology.ts";
import { Ends, send } from "./endpoints.ts";
import { tcpKind, udpKind, type Site } from "./natprobe.ts";

/*
 *        10.1.N.2     10.1.N.1       192.0.N.1     192.0.N.2, 192.0.N.3
 *   a ----------------+
 *                      nat N --------------------- outside
 *   b ----------------+
 *        10.2.N.2     10.2.N.1
 *
 * One NAT of every kind, and one (number 0) as Linux does it. Two hosts inside of all of them, one outside.
 */
const BEHAVIORS = natKind.shape.mapping.options;
const KINDS: readonly NatKind[] = BEHAVIORS.flatMap((mapping) =>
  BEHAVIORS.flatMap((filtering) =>
    natKind.shape.ports.options.flatMap((ports) =>
      [false, true].map((hairpin) => ({ mapping, filtering, ports, hairpin })),
    ),
  ),
);
const SAID = [{}, ...KINDS];

const each = (line: (number: number, kind: Partial<NatKind>) => string): string =>
  SAID.map((kind, number) => line(number, kind)).join("\n");
const TOPOLOGY = parseTopology(
  `version: 1
hosts:
  a:
    interfaces:
${each((n) => `      n${n}: [10.1.${n}.2/24]`)}
    routes:
${each((n) => `      - 192.0.${n}.0/24 via 10.1.${n}.1`)}
  b:
    interfaces:
${each((n) => `      n${n}: [10.2.${n}.2/24]`)}
    routes:
${each((n) => `      - 192.0.${n}.0/24 via 10.2.${n}.1`)}
  outside:
    interfaces:
${each((n) => `      n${n}: [192.0.${n}.2/24, 192.0.${n}.3/24]`)}
${each(
  (n, kind) => `  nat${n}:
    nat: ${JSON.stringify({ outside: "wan", ...kind })}
    interfaces: { a: [10.1.${n}.1/24], b: [10.2.${n}.1/24], wan: [192.0.${n}.1/24] }`,
)}
links:
${each(
  (n) => `  a${n}: { ends: [a:n${n}, nat${n}:a] }
  b${n}: { ends: [b:n${n}, nat${n}:b] }
  wan${n}: { ends: [nat${n}:wan, outside:n${n}] }`,
)}
`,
  "natkinds",
);

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.up(TOPOLOGY);
});
afterAll(() => lab.down());

const site = (number: number): Site => ({
  lab,
  inside: "a",
  neighbour: "b",
  outside: "outside",
  addresses: [`192.0.${number}.2`, `192.0.${number}.3`],
});

describe("a NAT is seen from outside as what it is", () => {
  test.each(KINDS.map((kind, index) => [index + 1, kind] as const))("UDP, %i: %j", async (number, kind) => {
    expect(await udpKind(site(number))).toEqual(kind);
  });

  // Hairpin is UDP's business here: what is translated is the same.
  test.each(KINDS.map((kind, index) => [index + 1, kind] as const).filter(([, { hairpin }]) => hairpin))(
    "TCP, %i: %j",
    async (number, { mapping, filtering, ports }) => {
      expect(await tcpKind(site(number))).toEqual({ mapping, filtering, ports });
    },
  );

  test("as Linux does it", async () => {
    const kind = {
      mapping: "endpoint-independent",
      filtering: "address-and-port-dependent",
      ports: "preserved",
    };
    expect(await udpKind(site(0))).toEqual({ ...kind, hairpin: false });
    expect(await tcpKind(site(0))).toEqual(kind);
    expect((await lab.status()).hosts.find(({ name }) => name === "nat0")?.nat?.kind).toBeNull();
  });
});

describe("two inside hosts that use the same port", () => {
  const PORT = 41_000;
  const portsSeen = async (number: number): Promise<(number | undefined)[]> => {
    await using ends = new Ends();
    const [here, there] = site(number).addresses;
    const seen = async (host: string, address: string): Promise<number | undefined> => {
      const [from, to] = [
        await ends.udp(lab, host, undefined, PORT),
        await ends.udp(lab, "outside", address),
      ];
      return (await send(from, to, [address, to.port], "hello"))?.port;
    };
    return [await seen("a", here), await seen("b", there)];
  };

  test("share it, as Linux does it: they talk to different ones", async () => {
    expect(await portsSeen(0)).toEqual([PORT, PORT]);
  });

  test.each(KINDS.map((kind, index) => [index + 1, kind] as const).filter(([, kind]) => !kind.hairpin))(
    "never share it: %i: %j",
    async (number, { ports }) => {
      const [first, second] = await portsSeen(number);
      expect(first === PORT).toBe(ports === "preserved");
      expect(second).not.toBe(first);
      expect(second).not.toBe(PORT);
    },
  );
});
