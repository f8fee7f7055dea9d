/** Numbers from 0 up to, but not including, 1. */
export type Random = () => number;

/**
 * A seeded generator (Chris Doty-Humphrey's sfc32): the same seed gives the same losses and the same jitter. Good
 * enough for the emulation of links, for nothing that has to be secret.
 */
export function seededRandom(seed: string): Random {
  let [a, b, c, counter] = [hash(`${seed}/a`), hash(`${seed}/b`), hash(`${seed}/c`), 1];
  const next: Random = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  // The first values still show the seed; 12 rounds are the author's.
  for (let round = 0; round < 12; round++) next();
  return next;
}

/** Samples of the normal distribution with mean 0 and standard deviation 1 (Marsaglia's polar method). */
export function normal(random: Random): Random {
  let spare: number | undefined;
  return () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    for (;;) {
      const x = random() * 2 - 1;
      const y = random() * 2 - 1;
      const square = x * x + y * y;
      if (square === 0 || square >= 1) continue;
      const scale = Math.sqrt((-2 * Math.log(square)) / square);
      spare = y * scale;
      return x * scale;
    }
  };
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value | 0;
}
