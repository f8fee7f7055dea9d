import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { StateDir } from "../store/state-dir.ts";
import { Versions } from "../store/versions.ts";
import { ConfigFile } from "./configfile.ts";

let directory: string;
let path: string;
let now: number;
let file: ConfigFile;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "sennit-test-"));
  path = join(directory, "etc", "router.yaml");
  mkdirSync(join(directory, "etc"));
  writeFileSync(path, "old");
  now = 1_000_000;
  const state = await StateDir.open(join(directory, "state"));
  const versions = new Versions(await StateDir.open(join(directory, "state", "config")), () => now);
  file = new ConfigFile({ path, state, versions, now: () => now });
});
afterEach(() => rmSync(directory, { recursive: true }));

test("writing keeps what was there, and the file's mode, also behind a link", async () => {
  chmodSync(path, 0o640);
  const link = join(directory, "link.yaml");
  symlinkSync(path, link);
  const state = await StateDir.open(join(directory, "state"));
  const versions = new Versions(await StateDir.open(join(directory, "state", "config")), () => now);
  const linked = new ConfigFile({ path: link, state, versions, now: () => now });
  expect(await linked.write("new", "restored")).toBe(2);
  expect(readFileSync(path, "utf8")).toBe("new");
  expect(statSync(path).mode & 0o777).toBe(0o640);
  expect(readdirSync(join(directory, "etc"))).toEqual(["router.yaml"]);
  expect((await file.history()).map(({ why, text }) => [why, text])).toEqual([
    ["found in the file", "old"],
    ["restored", "new"],
  ]);
});

test("what waits to be confirmed ends in time, whatever the clock does", async () => {
  expect(await file.pending()).toBeUndefined();
  await file.expect(7, 60_000);
  now += 20_000;
  expect(await file.pending()).toEqual({ before: 7, leftMs: 40_000 });
  now += 3_600_000;
  expect(await file.pending()).toEqual({ before: 7, leftMs: 0 });
  now = 5;
  expect(await file.pending()).toEqual({ before: 7, leftMs: 60_000 });
  await file.settle();
  expect(await file.pending()).toBeUndefined();
});
