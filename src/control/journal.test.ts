import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Journal, type Notes } from "./journal.ts";

const NONE: Notes = { sysctls: [], limits: undefined };
let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sennit-journal-"));
  path = join(directory, "run", "journal.json");
});
afterEach(() => rmSync(directory, { recursive: true }));

const journal = (namespace = "boot/net:1") => new Journal(path, namespace);

test("the first value of a key stays, whoever notes it again", () => {
  journal().note({ ...NONE, sysctls: [{ key: "net/a", before: "1" }] });
  const limits = { subflows: 2, addAddrAccepted: 0 };
  journal().note({
    ...NONE,
    sysctls: [
      { key: "net/a", before: "2" },
      { key: "net/b", before: "x\ty" },
    ],
    limits,
  });
  journal().note({ ...NONE, limits: { subflows: 8, addAddrAccepted: 8 } });
  expect(journal().read()).toMatchObject({
    sysctls: [
      { key: "net/a", before: "1" },
      { key: "net/b", before: "x\ty" },
    ],
    limits,
  });
});

test("one of a version that made endpoints is read on, and written without them", () => {
  const sysctls = [{ key: "net/a", before: "1" }];
  const limits = { subflows: 2, addAddrAccepted: 0 };
  const endpoints = [{ id: 200, address: "10.0.0.1" }];
  mkdirSync(dirname(path));
  writeFileSync(path, JSON.stringify({ version: 1, namespace: "boot/net:1", sysctls, limits, endpoints }));
  const record = { version: 2, namespace: "boot/net:1", sysctls, limits };
  expect(journal().read()).toEqual(record);
  const more = { key: "net/b", before: "2" };
  journal().note({ ...NONE, sysctls: [more] });
  expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ ...record, sysctls: [...sysctls, more] });
});

test("is for its owner's eyes, whole at any moment, and not written when there is nothing new", () => {
  journal().note(NONE);
  expect(readdirSync(directory)).toEqual([]);
  journal().note({ ...NONE, sysctls: [{ key: "net/a", before: "1" }] });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(directory, "run"))).toEqual(["journal.json"]);
  const { ino } = statSync(path);
  journal().note({ ...NONE, sysctls: [{ key: "net/a", before: "7" }] });
  expect(statSync(path).ino).toBe(ino);
});

test("of another boot or namespace counts for nothing, and is written over", () => {
  journal("boot/net:1").note({ ...NONE, sysctls: [{ key: "net/a", before: "1" }] });
  expect(journal("boot/net:2").read().sysctls).toEqual([]);
  journal("boot/net:2").note({ ...NONE, sysctls: [{ key: "net/a", before: "2" }] });
  expect(journal("boot/net:1").read().sysctls).toEqual([]);
  expect(journal("boot/net:2").read().sysctls).toEqual([{ key: "net/a", before: "2" }]);
});

test("a half-written file beside it is of no consequence", () => {
  journal().note({ ...NONE, sysctls: [{ key: "net/a", before: "1" }] });
  writeFileSync(`${path}.new`, '{"version":');
  expect(journal().read().sysctls).toHaveLength(1);
  journal().note({ ...NONE, sysctls: [{ key: "net/b", before: "1" }] });
  expect(journal().read().sysctls).toHaveLength(2);
});

test.each(["", "{}", "[]", '{"version":2}', '{"version":3}', "not JSON"])(
  "refuses %j and leaves it there",
  (text) => {
    journal().note({ ...NONE, sysctls: [{ key: "net/a", before: "1" }] });
    writeFileSync(path, text);
    expect(() => journal().read()).toThrow(expect.objectContaining({ code: "journal-unreadable" }));
    expect(() => journal().note(NONE)).toThrow(expect.objectContaining({ code: "journal-unreadable" }));
    expect(readFileSync(path, "utf8")).toBe(text);
  },
);

test("is gone when removed, also twice", () => {
  journal().note({ ...NONE, sysctls: [{ key: "net/a", before: "1" }] });
  journal().remove();
  journal().remove();
  expect(journal().read().sysctls).toEqual([]);
});
