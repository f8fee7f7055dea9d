import { expect, test } from "vitest";
import { missingPackages, platformOf, readLock } from "../../scripts/lock.ts";

test("the lock file is complete, or `npm ci` refuses it on a fresh machine: `node --run lock` completes it", () => {
  expect(missingPackages(readLock())).toEqual([]);
});

test("what is missing is found, wherever npm would put it", () => {
  const optionalDependencies = { "x-linux-x64": "1.0.0", "x-win32-x64": "1.0.0" };
  expect(
    missingPackages({
      packages: {
        "node_modules/x": { dev: true, optionalDependencies },
        "node_modules/x/node_modules/x-linux-x64": {},
      },
    }),
  ).toEqual([{ place: "node_modules/x-win32-x64", version: "1.0.0", dev: true }]);
});

test.each([
  ["@oxfmt/binding-linux-arm64-musl", { os: ["linux"], cpu: ["arm64"], libc: ["musl"] }],
  ["@oxfmt/binding-linux-arm-musleabihf", { os: ["linux"], cpu: ["arm"], libc: ["musl"] }],
  ["@oxfmt/binding-linux-ppc64-gnu", { os: ["linux"], cpu: ["ppc64"], libc: ["glibc"] }],
  ["@oxlint-tsgolint/darwin-x64", { os: ["darwin"], cpu: ["x64"] }],
])("the platform of %s", (name, platform) => {
  expect(platformOf(name)).toEqual(platform);
});
