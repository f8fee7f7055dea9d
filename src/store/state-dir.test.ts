import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { StateDir } from "./state-dir.ts";

const schema = z.strictObject({ key: z.string() });
let top: string;
let path: string;

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), "sennit-state-"));
  path = join(top, "deep", "state");
});
afterEach(() => rm(top, { recursive: true }));

const modeOf = async (file: string): Promise<string> => ((await stat(file)).mode & 0o777).toString(8);

test("what was written is read back, also after opening again", async () => {
  const state = await StateDir.open(path);
  expect(await state.read("joined", schema)).toBeUndefined();
  await state.write("joined", { key: "one" });
  await state.write("joined", { key: "two" });
  expect(await (await StateDir.open(path)).read("joined", schema)).toEqual({ key: "two" });
  await state.remove("joined");
  await state.remove("joined");
  expect(await state.read("joined", schema)).toBeUndefined();
});

test("nobody else can look inside, and no draft is left", async () => {
  const state = await StateDir.open(path);
  await state.write("joined", { key: "one" });
  expect(await modeOf(path)).toBe("700");
  expect(await modeOf(join(path, "joined.json"))).toBe("600");
  expect(await readdir(path)).toEqual(["joined.json"]);
});

test("what a crash left of a write does not disturb the next one, nor a reader", async () => {
  const state = await StateDir.open(path);
  await state.write("joined", { key: "one" });
  await writeFile(join(path, "joined.json.new"), '{"ke', { mode: 0o644 });
  expect(await state.read("joined", schema)).toEqual({ key: "one" });
  await state.write("joined", { key: "two" });
  expect(await state.read("joined", schema)).toEqual({ key: "two" });
  expect(await modeOf(join(path, "joined.json"))).toBe("600");
});

test.each(["", '{"key"', '{"key": 1}', '{"key": "x", "more": 1}'])("damaged: %j", async (text) => {
  const state = await StateDir.open(path);
  const file = join(path, "joined.json");
  await writeFile(file, text);
  await expect(state.read("joined", schema)).rejects.toMatchObject({
    code: "state-corrupt",
    message: expect.stringContaining(file),
  });
  expect(await readFile(file, "utf8")).toBe(text);
});

test("a directory that others may write to is refused, one they may read is not", async () => {
  await mkdir(path, { recursive: true });
  await chmod(path, 0o777);
  await expect(StateDir.open(path)).rejects.toMatchObject({ code: "directory-open" });
  await chmod(path, 0o755);
  await StateDir.open(path);
  expect(await modeOf(path)).toBe("755");
});

test("names are names, not paths", async () => {
  const state = await StateDir.open(path);
  await expect(state.write("../out", {})).rejects.toMatchObject({ code: "bad-state-name" });
});
