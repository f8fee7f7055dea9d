import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

/** All that the script and the stand-ins may find on their PATH. */
const TOOLS = "sh cat chmod cp dirname mkdir mktemp rm sha256sum touch uname".split(" ");

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "sennit-setup-"));
  for (const directory of ["scripts", "bin"]) mkdirSync(join(root, directory));
  copyFileSync("scripts/setup", join(root, "scripts/setup"));
  writeFileSync(
    join(root, "scripts/debian-packages.txt"),
    "# a comment\n\nsome-package  some-command other-command\n",
  );
  writeFileSync(join(root, "package-lock.json"), "{}");
  for (const tool of TOOLS) symlinkSync(which(tool), join(root, "bin", tool));
  standIn("node", "echo 22");
  standIn("id", "echo 0");
  // npm brings the Node that runs Sennit.
  standIn("npm", `echo "npm $*" >>log; mkdir -p node_modules/.bin; cp bin/node node_modules/.bin/`);
  standIn(
    "apt-get",
    `echo "apt-get $*" >>log; [ "$1" = update ] || touch bin/some-command bin/other-command; chmod +x bin/*`,
  );
});
afterEach(() => rmSync(root, { recursive: true }));

function which(tool: string): string {
  return spawnSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).stdout.trim();
}

/** A command that only does what a test needs of it, in the root of the tree. */
function standIn(name: string, script: string): void {
  const path = join(root, "bin", name);
  rmSync(path, { force: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

function setup(...lists: string[]): { status: number | null; said: string; did: string[] } {
  const log = join(root, "log");
  writeFileSync(log, "");
  const { status, stdout, stderr } = spawnSync(join(root, "scripts/setup"), lists, {
    env: { PATH: join(root, "bin") },
    encoding: "utf8",
  });
  return { status, said: stdout + stderr, did: readFileSync(log, "utf8").split("\n").slice(0, -1) };
}

test("a fresh machine gets everything, and the next run has nothing to do or say", () => {
  expect(setup()).toEqual({
    status: 0,
    said: "setup: installing Debian packages: some-package\nsetup: installing npm packages (npm ci)\n",
    did: [
      "apt-get update",
      "apt-get install -y --no-install-recommends some-package",
      "npm ci --loglevel=error",
    ],
  });
  expect(setup()).toEqual({ status: 0, said: "", did: [] });
});

test("another lock file means npm ci again, and nothing else", () => {
  setup();
  writeFileSync(join(root, "package-lock.json"), '{ "other": true }');
  expect(setup()).toMatchObject({ status: 0, did: ["npm ci --loglevel=error"] });
  expect(setup().did).toEqual([]);
});

test("what a further list names is wanted as well", () => {
  writeFileSync(join(root, "peers.txt"), "# peers\npeer-package peer-command\n");
  standIn("id", "echo 1000");
  const wanted = "setup: please install, as root: apt-get install some-package peer-package\n";
  expect(setup("peers.txt")).toEqual({ status: 1, said: wanted, did: [] });
});

describe("where it cannot install, it says what to install, and changes nothing", () => {
  test("not root", () => {
    standIn("id", "echo 1000");
    expect(setup()).toEqual({
      status: 1,
      said: "setup: please install, as root: apt-get install some-package\n",
      did: [],
    });
  });

  test("not Debian", () => {
    rmSync(join(root, "bin/apt-get"));
    expect(setup()).toEqual({
      status: 1,
      said: "setup: this is not Debian; please install what Debian calls: some-package\n",
      did: [],
    });
  });

  test("a Node that is too old, or none", () => {
    for (const tool of ["some-command", "other-command"]) standIn(tool, "");
    standIn("node", "echo 18");
    expect(setup()).toMatchObject({
      status: 1,
      said: expect.stringContaining("node 18 is too old"),
      did: [],
    });
    rmSync(join(root, "bin/node"));
    expect(setup()).toMatchObject({
      status: 1,
      said: expect.stringContaining("please install node"),
      did: [],
    });
  });
});

test("what a tool says is shown when it fails, and it is tried again the next time", () => {
  standIn("npm", "echo no such registry; exit 1");
  expect(setup()).toMatchObject({
    status: 1,
    said: expect.stringContaining("no such registry\nsetup: npm ci failed\n"),
  });
  standIn("npm", `echo "npm $*" >>log; mkdir -p node_modules/.bin; cp bin/node node_modules/.bin/`);
  expect(setup()).toMatchObject({ status: 0, did: ["npm ci --loglevel=error"] });
});

test("npm packages without a Node for this machine are told", () => {
  standIn("npm", "mkdir -p node_modules");
  expect(setup()).toMatchObject({ status: 1, said: expect.stringContaining("npm brought no Node") });
});
