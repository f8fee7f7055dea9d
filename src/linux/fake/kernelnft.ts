import { isIP } from "node:net";
import { SennitError } from "../../base/errors.ts";
import type { Nft, SetElement } from "../nft.ts";

interface NamedSet {
  /** "ipv4_addr", or several joined by " . ". */
  readonly type: string;
  readonly size: number;
  readonly elements: Set<string>;
}

/**
 * The nft table of FakeKernel. It understands the frame of a table (sets, chains, and who refers to whom), not what
 * rules mean, and forgets no element: nothing here takes time.
 */
export class FakeNft implements Nft {
  readonly #name: string;
  readonly #changed: () => void;
  #table: { readonly text: string; readonly sets: ReadonlyMap<string, NamedSet> } | undefined;

  constructor(name: string, changed: () => void) {
    this.#name = name;
    this.#changed = changed;
  }

  table = async (): Promise<string | undefined> => this.#table?.text;

  replace = async (text: string): Promise<void> => {
    this.#table = { text, sets: parseTable(this.#name, text) };
    this.#changed();
  };

  remove = async (): Promise<void> => {
    this.#table = undefined;
    this.#changed();
  };

  addElements = async (set: string, elements: readonly SetElement[]): Promise<void> => {
    if (elements.length === 0) return;
    const found = this.#table?.sets.get(set);
    if (found === undefined) throw refusal("nft-unknown", `no set ${set}`);
    for (const { value } of elements) checkElement(found, value);
    const next = new Set([...found.elements, ...elements.map(({ value }) => value)]);
    if (next.size > found.size) throw refusal("nft-set-full", `set ${set} holds ${found.size}`);
    for (const value of next) found.elements.add(value);
  };

  /** What a named set holds, for a test to look at. */
  elements(set: string): readonly string[] {
    return [...(this.#table?.sets.get(set)?.elements ?? [])];
  }
}

/** Of a set that names none. */
const DEFAULT_SIZE = 65_536;

function parseTable(name: string, text: string): ReadonlyMap<string, NamedSet> {
  const blocks = parseBlocks(name, text);
  const sets = new Map(
    blocks.filter(({ kind }) => kind === "set").map(({ title, body }) => [title, parseSet(body)]),
  );
  const chains = blocks.filter(({ kind }) => kind === "chain");
  const names = new Set(chains.map(({ title }) => title));
  for (const rule of chains.flatMap(({ body }) => body)) {
    for (const [, chain = ""] of rule.matchAll(/\b(?:jump|goto) (\w+)/g))
      if (!names.has(chain)) throw refusal("nft-unknown", `no chain ${chain}: ${rule}`);
    for (const [, set = ""] of rule.matchAll(/@(\w+)/g))
      if (!sets.has(set)) throw refusal("nft-unknown", `no set ${set}: ${rule}`);
  }
  return sets;
}

interface Block {
  readonly kind: string;
  readonly title: string;
  readonly body: string[];
}

function parseBlocks(name: string, text: string): readonly Block[] {
  const lines = text.split("\n").map((line) => line.trim());
  const blocks: Block[] = [];
  let open: Block | undefined;
  const inner = lines.filter((line) => line !== "");
  if (inner.shift() !== `table inet ${name} {` || inner.pop() !== "}")
    throw refusal("nft-refused", "syntax error");
  for (const line of inner) {
    const [, kind, title = ""] = /^(set|chain) (\w+) \{$/.exec(line) ?? [];
    if (open !== undefined) {
      if (line === "}") open = undefined;
      else open.body.push(line);
    } else if (kind === undefined) throw refusal("nft-refused", `syntax error: ${line}`);
    else blocks.push((open = { kind, title, body: [] }));
  }
  if (open !== undefined) throw refusal("nft-refused", "syntax error: unexpected end");
  return blocks;
}

function parseSet(body: readonly string[]): NamedSet {
  const option = (word: string): string | undefined =>
    body.find((line) => line.startsWith(`${word} `))?.slice(word.length + 1);
  return {
    type: option("type") ?? "",
    size: Number(option("size") ?? DEFAULT_SIZE),
    elements: new Set(),
  };
}

const TYPES: Readonly<Record<string, (text: string) => boolean>> = {
  ipv4_addr: (text) => isIP(text) === 4,
  ipv6_addr: (text) => isIP(text) === 6,
  inet_service: (text) => /^\d{1,5}$/.test(text) && Number(text) <= 65_535,
};

function checkElement({ type }: NamedSet, value: string): void {
  const types = type.split(" . ");
  const parts = value.split(" . ");
  const fits =
    parts.length === types.length && types.every((name, index) => TYPES[name]?.(parts[index] ?? "") === true);
  if (!fits) throw refusal("nft-refused", `${value} is no ${type}`);
}

function refusal(code: string, words: string): SennitError {
  return new SennitError("kernel", code, `nft -f -: ${words}`);
}
