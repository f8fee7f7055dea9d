import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createApi } from "../api/api.ts";
import { listenOnSocket, socketPath } from "../api/listen.ts";
import { sampleStatus } from "../api/sample.ts";
import { SennitError } from "../base/errors.ts";
import { MemoryLog } from "../base/log.ts";
import { VERSION } from "../base/version.ts";
import { COMMANDS, main } from "./main.ts";
import { formatBytes } from "../base/units.ts";
import { formatAge, table } from "./output.ts";
import { reportsOf } from "./status.ts";
import { renderStatus } from "./status-view.ts";

let directory: string;
let out: string;
let err: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sennit-cli-"));
  out = "";
  err = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => ((out += String(text)), true));
  vi.spyOn(process.stderr, "write").mockImplementation((text) => ((err += String(text)), true));
});
afterEach(async () => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
  await rm(directory, { recursive: true });
});

const file = async (text: string): Promise<string> => {
  const path = join(directory, "config.yaml");
  await writeFile(path, text);
  return path;
};

describe("the program", () => {
  test("help tells the commands and exit codes, version the version", async () => {
    expect(await main(["--help"])).toBe(0);
    for (const { name, summary } of COMMANDS) expect(out).toMatch(new RegExp(`${name}.* ${summary}`));
    expect(out).toContain("Exit codes:");
    out = "";
    expect(await main(["--version"])).toBe(0);
    expect(out).toBe(`${VERSION}\n`);
  });

  test.each(COMMANDS.map((entry) => [entry.name, entry] as const))(
    "%s is what it is listed as",
    async (_, entry) => {
      const command = await entry.load();
      expect(command.name()).toBe(entry.name);
      expect(command.description()).not.toBe("");
    },
  );

  test.each([[["bogus"]], [["status", "--bogus"]], [["config", "check"]], [["config"]]])(
    "wrong usage: %j",
    async (args) => {
      expect(await main(args)).toBe(2);
      expect(out).toBe("");
      expect(err).not.toBe("");
    },
  );
});

describe("config check", () => {
  test("a right file", async () => {
    const path = await file("version: 1\nlisten: { port: 8443 }\n");
    expect(await main(["config", "check", "-c", path])).toBe(0);
    expect(out).toBe(`${path}: a valid server config\n`);
  });

  test("a wrong file, for people and for programs", async () => {
    const path = await file("version: 1\nlan: { interfaces: [lan] }\nwans: { a: { interfce: x } }\n");
    expect(await main(["config", "check", "-c", path])).toBe(2);
    expect(err).toContain("2 problems");
    expect(err).not.toMatch(/^ +at /m);
    expect(await main(["config", "check", "-c", path, "--json"])).toBe(2);
    expect(JSON.parse(out)).toMatchObject({
      valid: false,
      role: "router",
      problems: [{ path: "wans.a.interfce" }, { path: "wans.a.interface" }],
    });
  });

  test("a file that is not there", async () => {
    expect(await main(["config", "check", "-c", join(directory, "none.yaml")])).toBe(2);
    expect(err).toContain("none.yaml");
  });
});

describe("status", () => {
  test("asks the socket that is named in one of three ways", async () => {
    const api = createApi({ status: () => sampleStatus, upgrade: () => undefined, log: new MemoryLog() });
    const listener = await listenOnSocket(api, socketPath(directory));
    const config = await file(`version: 1\nlisten: { port: 8443 }\ndirectories: { run: ${directory} }\n`);
    try {
      for (const target of [
        ["--dir", directory],
        ["--socket", socketPath(directory)],
        ["-c", config],
      ]) {
        out = "";
        expect(await main(["status", "--json", ...target])).toBe(0);
        expect(JSON.parse(out)).toEqual(sampleStatus);
      }
    } finally {
      await listener.close();
    }
  });

  test("a role that was killed does not hide the other; one that fails otherwise is told", async () => {
    const serve = (status: () => typeof sampleStatus, name: string) =>
      listenOnSocket(
        createApi({ status, upgrade: () => undefined, log: new MemoryLog() }),
        join(directory, name),
      );
    const listeners = [
      await serve(() => sampleStatus, "good"),
      await serve(() => {
        throw new SennitError("kernel", "cannot-tell", "cannot tell");
      }, "bad"),
    ];
    const [stale, good, bad] = ["stale", "good", "bad"].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    try {
      expect(await reportsOf([stale, good])).toEqual([sampleStatus]);
      expect(err).toBe("");
      expect(await reportsOf([bad, good])).toEqual([sampleStatus]);
      expect(err).toBe("sennit: cannot tell\n");
      await expect(reportsOf([stale, bad])).rejects.toMatchObject({ code: "cannot-tell" });
      await expect(reportsOf([stale])).rejects.toMatchObject({ code: "not-running" });
    } finally {
      for (const listener of listeners) await listener.close();
    }
  });

  test("one is one, not several", () => {
    const [session] = sampleStatus.sessions;
    const data = { ...sampleStatus.data, restarts: 1 };
    const sessions = session === undefined ? [] : [{ ...session, carriers: 1, flows: 1, parked: 0 }];
    const text = stripVTControlCharacters(renderStatus({ ...sampleStatus, data, sessions }).join("\n"));
    expect(text).toMatch(/, 1 carrier, 1 flow \(0 parked, 1 bulk\)$/m);
    expect(text).toMatch(/, restarted 1 time$/m);
  });

  test("nobody there is an exit code of its own", async () => {
    expect(await main(["status", "--dir", directory])).toBe(3);
    expect(err).toContain("nothing is running");
  });

  test("only one way at a time", async () => {
    expect(await main(["status", "--dir", "a", "--socket", "b"])).toBe(2);
  });

  test("reads calmly", () => {
    const text = stripVTControlCharacters(renderStatus(sampleStatus).join("\n"));
    expect(text).toMatchInlineSnapshot(`
      "router    0.1.0
      state     up for 1 h 2 min
      data      running for 1 h 2 min (pid 4242)
      draining  pid 4011 of version 0.0.9, 3 flows, for 50 min at most
      session   server.example:443 up for 1 h 1 min, 2 carriers, 12 flows (9 parked, 1 bulk)
      rate      down 141.0 Mbit/s, up 3.00 Mbit/s
      flows     12 open; 3480 opened, 3 refused, 17 reset, 41 moved, 5 carriers lost so far
      memory    192 MiB; buffers 1.5 MiB of 64.0 MiB

      WAN    device  role    state              address                         down           up  total down  total up  why
      fibre  eth1    active  up 1 h 2 min       192.168.1.2              94.8 Mbit/s  2.00 Mbit/s     113 MiB   2.4 MiB  round trip 16 ms
      lte    wwan0   active  up 1 min 5 s       10.64.3.7 2001:db8:7::2  46.2 Mbit/s  1.00 Mbit/s    55.1 MiB   1.2 MiB  round trip 50 ms, 4 per mille lost (1 of 256 probes)
      dsl    eth2    backup  no-carrier 10 min  -                            0 bit/s      0 bit/s         0 B       0 B  no carrier: the cable is out, or the other end is off

      carrier  transport   state            flows    queued  subflows          down            up  total down  total up
      1        mptcp       ready 1 h 1 min     11  64.0 KiB         2  130.0 Mbit/s   2.50 Mbit/s     155 MiB   3.0 MiB
      2        tcp on lte  ready 12 s           1       0 B         1   11.0 Mbit/s  500.0 kbit/s    13.1 MiB   610 KiB

      subflow of  WAN    local              remote                RTT         down            up  total down  total up
      1           fibre  192.168.1.2:40112  198.51.100.9:443  16.4 ms  94.8 Mbit/s   2.00 Mbit/s     113 MiB   2.4 MiB
      1           lte    10.64.3.7:51820    198.51.100.9:443  50.5 ms  35.2 Mbit/s  500.0 kbit/s    42.0 MiB   610 KiB
      2           lte    10.64.3.7:51822    198.51.100.9:443        -  11.0 Mbit/s  500.0 kbit/s    13.1 MiB   610 KiB

      wan-down: dsl: no carrier
        -> plug the cable of eth2 in"
    `);
    expect(text).not.toMatch(/ $/m);
  });
});

describe("small parts", () => {
  test.each([
    [0, "0 s"],
    [999, "0 s"],
    [59_999, "59 s"],
    [60_000, "1 min"],
    [302_000, "5 min 2 s"],
    [3_600_000, "1 h"],
    [273_600_000, "3 d 4 h"],
  ])("an age of %d ms is %s", (ms, text) => {
    expect(formatAge(ms)).toBe(text);
  });

  test.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1536, "1.5 KiB"],
    [201_326_592, "192 MiB"],
    [5e15, "4547 TiB"],
  ])("%d bytes are %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test("a table is aligned by what is seen", () => {
    expect(
      table(
        ["a", "b"],
        [
          ["\u001B[32mlong\u001B[39m", "1"],
          ["x", "234"],
        ],
        ["left", "right"],
      ),
    ).toEqual(["a       b", "\u001B[32mlong\u001B[39m    1", "x     234"]);
  });
});
