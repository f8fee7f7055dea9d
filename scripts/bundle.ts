/**
 * Puts the program into `dist/lib`, as a release has it: one minified file for each entry and what entries share, without TypeScript,
 * comments and modules that nobody asks for. `node --run bundle` runs it. `dist/lib/sennit.js` stands in for src/cli/main.ts.
 */
import { cpSync, globSync, rmSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown, type Plugin } from "rolldown";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** As deep as src/cli: what stands beside the code (bin/udhcpc-event) is found by the same relative path. */
export const BUNDLE = join(ROOT, "dist", "lib");
/** What brings binaries of its own stays where npm put it. */
const EXTERNAL = ["koffi"];

/** `new URL("./x.ts", import.meta.url)` of a program that runs as a thread or process of its own: an entry, too. */
const ENTRY_URL = /new URL\(\s*"((?:\.\.?\/)*[\w-]+)\.ts",\s*import\.meta\.url\s*\)/g;

const entries: Plugin = {
  name: "entries",
  transform(code, id) {
    if (!id.endsWith(".ts") || !code.includes("import.meta.url")) return null;
    return code.replace(ENTRY_URL, (_, path: string) => {
      const file = join(dirname(id), `${path}.ts`);
      const fileName = `${relative(join(ROOT, "src"), file).replaceAll("/", "-").replace(/\.ts$/, "")}.js`;
      this.emitFile({ type: "chunk", id: file, fileName });
      return `new URL("./${fileName}", import.meta.url)`;
    });
  },
};

/** Writes the bundle anew. */
export async function bundle(): Promise<void> {
  rmSync(BUNDLE, { recursive: true, force: true });
  await using build = await rolldown({
    input: { sennit: join(ROOT, "src", "cli", "main.ts") },
    platform: "node",
    external: EXTERNAL,
    plugins: [entries],
  });
  await build.write({
    dir: BUNDLE,
    format: "esm",
    minify: true,
    entryFileNames: "[name].js",
    chunkFileNames: "[name]-[hash].js",
  });
  for (const data of globSync(join(ROOT, "src", "lab", "topology", "builtin")))
    cpSync(data, join(BUNDLE, basename(data)), { recursive: true });
}

if (import.meta.main) await bundle();
