import { messageOf, SennitError } from "../base/errors.ts";
import type { Exec } from "./exec.ts";

export interface SetElement {
  /** As nft writes it: "192.0.2.1" or "192.0.2.1 . 443" for a concatenation. */
  readonly value: string;
  /** Milliseconds after which the kernel forgets it; without it, the set's own timeout. */
  readonly timeoutMs?: number;
}

/** The one nftables table that is ours. Nothing here can see or touch another. */
export interface Nft {
  /** The table as nft prints it, without the contents of named sets; undefined when there is none. */
  table(): Promise<string | undefined>;
  /** Puts `text` ("table inet NAME { ... }") in the place of our table, in one transaction: all of it or nothing. */
  replace(text: string): Promise<void>;
  /** Removes our table; fine when there is none. */
  remove(): Promise<void>;
  /** Adds to a named set in one transaction. Rejects with `nft-unknown` (no such table or set) or `nft-set-full`. */
  addElements(set: string, elements: readonly SetElement[]): Promise<void>;
}

/** Everything goes through `nft -f -`: one netlink transaction however long the text is, and no limit of argv. */
export function createNft(exec: Exec, name: string): Nft {
  const run = async (script: string): Promise<void> => {
    try {
      await exec(["nft", "-f", "-"], { input: script });
    } catch (error) {
      throw refused(error);
    }
  };
  return {
    async table() {
      const { stdout, stderr, status } = await exec(["nft", "--terse", "list", "table", "inet", name], {
        allow: [0, 1],
      });
      if (status === 0) return stdout;
      if (stderr.includes("No such file or directory")) return undefined;
      throw refused(new Error(stderr.trim()));
    },
    replace: (text) => run(replaceScript(name, text)),
    remove: () => run(replaceScript(name, "")),
    addElements: (set, elements) =>
      elements.length === 0
        ? Promise.resolve()
        : run(`add element inet ${name} ${set} { ${elements.map(renderElement).join(", ")} }\n`),
  };
}

/**
 * What puts the table `text` in the place of the one of that name, or of nothing, in one transaction. `delete` alone would
 * fail where there is no table, and `destroy` needs Linux 6.3: so add, then delete.
 */
export const replaceScript = (name: string, text: string): string =>
  `add table inet ${name}\ndelete table inet ${name}\n${text}`;

function renderElement({ value, timeoutMs }: SetElement): string {
  return timeoutMs === undefined ? value : `${value} timeout ${Math.max(1, Math.round(timeoutMs))}ms`;
}

/** nft's own words, with a code of ours. It prints strerror(3) of what the kernel answered, in the C locale. */
function refused(error: unknown): SennitError {
  if (error instanceof SennitError && error.code !== "exec-failed") return error;
  const message = messageOf(error);
  const code = message.includes("No such file or directory")
    ? "nft-unknown"
    : message.includes("Too many open files in system")
      ? "nft-set-full"
      : "nft-refused";
  return new SennitError("kernel", code, message, { cause: error });
}
