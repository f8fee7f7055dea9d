import { SennitError } from "../base/errors.ts";

/** One thing that is wrong with a config file: where, what stands there, what may stand there. */
export interface Problem {
  /** Keys from the top, joined by dots: "wans.fibre.interface"; "" for the file as a whole. */
  readonly path: string;
  /** Counted from 1; where a key is missing, the line of the section it is missing from. */
  readonly line: number;
  readonly found: string;
  readonly allowed: string;
}

export function formatProblem({ path, line, found, allowed }: Problem): string {
  return `line ${line}, ${path || "the file"}: found ${found}; allowed is ${allowed}`;
}

/**
 * All problems of one file as one error: cause class `config`, code `config-invalid`, the list itself in
 * `detail.problems`.
 */
export function configError(name: string, problems: readonly Problem[]): SennitError {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  const lines = problems.map((problem) => `  ${formatProblem(problem)}`);
  return new SennitError("config", "config-invalid", [`${name}: ${count}`, ...lines].join("\n"), {
    detail: { file: name, problems },
  });
}

/** "a, b or c" */
export function listed(words: readonly string[], conjunction = "or"): string {
  const last = words.at(-1) ?? "nothing";
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} ${conjunction} ${last}`;
}

/** The candidate that `word` is most likely a slip of, if any is near enough to be worth saying. */
export function didYouMean(word: string, candidates: readonly string[]): string | undefined {
  // A third of the letters wrong is a slip; more is another word.
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Levenshtein distance, one row of the table at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
