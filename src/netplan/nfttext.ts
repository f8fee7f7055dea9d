import { SennitError } from "../base/errors.ts";
import type { Family } from "../linux/iproute.ts";
import { TABLE_NAME } from "./own.ts";

/* Pieces of nft's own canonical spelling (1.0.6). */

export const ip = (family: Family): string => (family === "inet" ? "ip" : "ip6");
export const nfproto = (family: Family): string => (family === "inet" ? "ipv4" : "ipv6");

/** nft prints a prefix of full length as an address. */
export const withoutHostLength = (prefix: string): string => prefix.replace(/(?<=\..*)\/32$|\/128$/, "");

/** One value, or several as a set. */
export const anyOf = (values: readonly string[]): string =>
  values.length === 1 ? (values[0] ?? "") : `{ ${values.join(", ")} }`;

/** Marks are eight digits everywhere, as nft prints them. */
export const hex = (mark: number): string => `0x${mark.toString(16).padStart(8, "0")}`;

/** A match on one device or several. */
export function devices(names: readonly string[]): string {
  for (const name of names) {
    if (!/^[\w.-]{1,15}$/.test(name))
      throw new SennitError("bug", "bad-device-name", `not a device name: ${JSON.stringify(name)}`);
  }
  return anyOf(names.map((name) => `"${name}"`));
}

export interface Block {
  readonly head: string;
  readonly body: readonly string[];
}

export const chain = (name: string, hook: string | undefined, rules: readonly string[]): Block => ({
  head: `chain ${name}`,
  body: [...(hook === undefined ? [] : [hook]), ...rules],
});

/** The table with these chains and sets. */
export function table(blocks: readonly Block[]): string {
  const text = blocks.map(
    ({ head, body }) => `\t${head} {\n${body.map((line) => `\t\t${line}\n`).join("")}\t}\n`,
  );
  return `table inet ${TABLE_NAME} {\n${text.join("\n")}}\n`;
}
