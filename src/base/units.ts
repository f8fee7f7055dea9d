/**
 * Quantities as people write them in config files and on the command line, and the numbers they stand for.
 * Rates are bits per second, sizes bytes, durations milliseconds, chances per mille: integers wherever a comparison
 * is made, so that a lossy line of 66.6667 % is 667 per mille and never a "bad number".
 */
interface Scale {
  readonly what: string;
  readonly example: string;
  /** Lower-case unit to multiplier; "" is what a bare number means. */
  readonly units: Readonly<Record<string, number>>;
}

const RATE: Scale = {
  what: "a rate",
  example: "100 Mbit/s",
  units: { "": 1, "bit/s": 1, "kbit/s": 1e3, "mbit/s": 1e6, "gbit/s": 1e9, kbit: 1e3, mbit: 1e6, gbit: 1e9 },
};
const SIZE: Scale = {
  what: "a size",
  example: "64 KB",
  units: {
    "": 1,
    b: 1,
    kb: 1024,
    kib: 1024,
    mb: 1024 ** 2,
    mib: 1024 ** 2,
    gb: 1024 ** 3,
    gib: 1024 ** 3,
    tb: 1024 ** 4,
    tib: 1024 ** 4,
  },
};
const DURATION: Scale = {
  what: "a duration",
  example: "8 ms",
  units: { "": 1, us: 1e-3, ms: 1, s: 1e3, min: 60e3, h: 3_600e3, d: 86_400e3 },
};
const CHANCE: Scale = { what: "a chance", example: "0.5 %", units: { "%": 10, permille: 1, "‰": 1 } };

/** Parsed value, or the sentence that says what was found and what is allowed. */
export type Parsed =
  | { readonly ok: true; readonly value: number }
  | { readonly ok: false; readonly why: string };

function parse(scale: Scale, input: unknown): Parsed {
  const allowed = `${scale.what} such as "${scale.example}" (units: ${Object.keys(scale.units).filter(Boolean).join(", ")})`;
  const fail: Parsed = { ok: false, why: `found ${JSON.stringify(input)}, allowed is ${allowed}` };
  if (typeof input !== "string" && typeof input !== "number") return fail;
  const match = /^(\d+(?:\.\d+)?)\s*([a-z%‰/]*)$/i.exec(String(input).trim());
  const factor = match?.[2] === undefined ? undefined : scale.units[match[2].toLowerCase()];
  if (match?.[1] === undefined || factor === undefined) return fail;
  const value = Number(match[1]) * factor;
  return Number.isFinite(value) ? { ok: true, value } : fail;
}

/** Bits per second. */
export const parseRate = (input: unknown): Parsed => parse(RATE, input);
/** Bytes; K, M, G and T are powers of 1024. */
export const parseSize = (input: unknown): Parsed => parse(SIZE, input);
/** Milliseconds, fractions allowed. */
export const parseDuration = (input: unknown): Parsed => parse(DURATION, input);
/** Per mille, fractions allowed: "0.5 %" is 5. */
export const parseChance = (input: unknown): Parsed => parse(CHANCE, input);

/** "94.8 Mbit/s": three significant digits at most, for people. */
export function formatRate(bitsPerSecond: number): string {
  const steps: readonly (readonly [number, string])[] = [
    [1e9, "Gbit/s"],
    [1e6, "Mbit/s"],
    [1e3, "kbit/s"],
  ];
  for (const [factor, unit] of steps) {
    if (bitsPerSecond >= factor) {
      const value = bitsPerSecond / factor;
      return `${value.toFixed(value < 10 ? 2 : 1)} ${unit}`;
    }
  }
  return `${Math.round(bitsPerSecond)} bit/s`;
}

/** Bytes as people read them, in powers of 1024: "1.5 MiB". */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
