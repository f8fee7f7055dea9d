/**
 * Completes package-lock.json: `node --run lock`, after every change of a dependency.
 *
 * A program for many platforms has its binaries in optional packages, one for each. npm writes into the lock file only
 * those that the registry at hand serves, and `npm ci` elsewhere refuses a lock file without the others. They are never
 * installed on the platforms that we support, so their platform, which their name tells, is all that npm needs.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";

export const LOCK_FILE = "package-lock.json";

const lockSchema = z.looseObject({
  packages: z.record(
    z.string(),
    z.looseObject({
      dev: z.boolean().optional(),
      optionalDependencies: z.record(z.string(), z.string()).optional(),
    }),
  ),
});
export type Lock = z.infer<typeof lockSchema>;

export function readLock(): Lock {
  const lock: unknown = JSON.parse(readFileSync(LOCK_FILE, "utf8"));
  // The parsed copy would have its keys in the schema's order: the file is checked, and kept as npm wrote it.
  lockSchema.parse(lock);
  return lock as Lock;
}

interface Missing {
  /** Where npm would put it: its key in the lock file. */
  readonly place: string;
  readonly version: string;
  readonly dev: boolean;
}

/** The optional packages that some package names and the lock file does not have. */
export function missingPackages({ packages }: Lock): readonly Missing[] {
  return Object.entries(packages).flatMap(([parent, { dev = false, optionalDependencies = {} }]) =>
    Object.entries(optionalDependencies)
      .filter(
        ([name]) => !(`node_modules/${name}` in packages) && !(`${parent}/node_modules/${name}` in packages),
      )
      .map(([name, version]) => ({ place: `node_modules/${name}`, version, dev })),
  );
}

interface Platform {
  readonly os: readonly string[];
  readonly cpu: readonly string[];
  readonly libc: readonly string[] | undefined;
}

/** What a package's name says about where it runs: "binding-linux-arm64-musl". */
export function platformOf(name: string): Platform {
  const match =
    /(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)-([a-z0-9]+)(?:-(\w+))?$/.exec(
      name,
    );
  if (match === null) throw new Error(`${name}: its name does not tell its platform; is it served at all?`);
  const [, os = "", cpu = "", abi = ""] = match;
  const libc = os === "linux" ? [abi.startsWith("musl") ? "musl" : "glibc"] : undefined;
  return { os: [os], cpu: [cpu], libc };
}

if (import.meta.main) {
  const lock = readLock();
  for (const { place, version, dev } of missingPackages(lock)) {
    const { cpu, libc, os } = platformOf(place);
    // In npm's order; what is undefined is not written.
    lock.packages[place] = { version, cpu, dev: dev || undefined, libc, optional: true, os };
  }
  // npm's own order: that of localeCompare in English.
  lock.packages = Object.fromEntries(
    Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, "en")),
  );
  writeFileSync(LOCK_FILE, `${JSON.stringify(lock, undefined, 2)}\n`);
}
