import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ManualClock } from "../base/clock.ts";
import { MemoryLog } from "../base/log.ts";
import { parseRouterConfig, type RouterConfig } from "../config/router.ts";
import type { Link } from "../linux/iproute.ts";
import type { Child, Exit } from "../linux/process.ts";
import type { Observations } from "../netplan/model.ts";
import { Addressing } from "./addressing.ts";
import { wanIntents } from "./wans.ts";

/** A udhcpc that says what a test tells it to. */
interface FakeClient {
  readonly argv: readonly string[];
  say(event: string, said?: Record<string, string>): void;
  end(): void;
  readonly killed: boolean;
}

let directory: string;
let clock: ManualClock;
let clients: FakeClient[];
let changes: number;
let addressing: Addressing;

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

async function startProgram(argv: readonly [string, ...string[]]): Promise<Child> {
  const stdout = new PassThrough();
  const exited = Promise.withResolvers<Exit>();
  let killed = false;
  clients.push({
    argv,
    say: (event, said = {}) => {
      const pairs = Object.entries({ ...said, event }).map(([name, value]) => `\0${name}=${value}`);
      stdout.write(`${pairs.join("")}\0\0`);
    },
    end: () => exited.resolve({ code: 1, signal: null }),
    get killed() {
      return killed;
    },
  });
  const kill = (): boolean => {
    killed = true;
    exited.resolve({ code: null, signal: "SIGKILL" });
    return true;
  };
  const nothing = (): void => undefined;
  return {
    pid: 1,
    stdin: null,
    stdout,
    stderr: null,
    exited: exited.promise,
    kill,
    ref: nothing,
    unref: nothing,
  };
}

const CONFIG = `version: 1
lan: { interfaces: [lan0] }
wans:
  cable: { interface: eth1, addressing: dhcp }
  dsl: { interface: eth2, addressing: static, addresses: [192.0.2.2/24], gateway: 192.0.2.1 }`;

const config = (): RouterConfig => parseRouterConfig(`${CONFIG}\ndirectories: { run: ${directory} }`, "test");

function make(): Addressing {
  return new Addressing({
    config: config(),
    clock,
    startProgram,
    log: new MemoryLog(),
    wallClock: () => 1e6 + clock.now(),
    driverOf: () => undefined,
    onChange: () => changes++,
  });
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sennit-test-"));
  clock = new ManualClock();
  clients = [];
  changes = 0;
  addressing = make();
  addressing.start();
});
afterEach(async () => {
  await addressing.stop();
  rmSync(directory, { recursive: true });
});

const link = (changes: Partial<Link> = {}): Link => ({
  name: "eth1",
  index: 1,
  kind: undefined,
  mtu: 1500,
  up: true,
  carrier: true,
  addresses: [],
  ...changes,
});
const seeing = (...links: readonly Link[]): Observations => ({ links, defaultRoutes: [] });
const LEASE = { ip: "10.1.0.50", subnet: "255.255.255.0", router: "10.1.0.1", lease: "600" };
const intents = (of = addressing, ...links: readonly Link[]) => {
  const { devices, leases } = of.facts(config(), links);
  return wanIntents(config(), devices, leases);
};
const cable = () => intents(addressing, link())[0];

/** A client on eth1 that has begun. */
async function begun(): Promise<FakeClient> {
  addressing.look(seeing(link()));
  await turn();
  const client = clients.at(-1);
  if (client === undefined) throw new Error("no client runs");
  client.say("deconfig");
  await turn();
  return client;
}

test("what a WAN is to have comes from the config, or of a lease", async () => {
  expect(intents()).toEqual([
    { name: "cable", device: "eth1", role: "active", weight: 1, managed: { addresses: [], announced: true } },
    {
      name: "dsl",
      device: "eth2",
      role: "active",
      weight: 1,
      gateway: "192.0.2.1",
      managed: {
        addresses: ["192.0.2.2/24"],
        announced: false,
      },
    },
  ]);
  (await begun()).say("bound", LEASE);
  await turn();
  expect(cable()).toMatchObject({
    device: "eth1",
    gateway: "10.1.0.1",
    managed: { addresses: ["10.1.0.50/24"] },
  });
  expect(changes).toBe(1);
});

test("another lease takes the place of the first; a lost one is gone", async () => {
  const client = await begun();
  client.say("bound", LEASE);
  client.say("nak");
  await turn();
  expect(cable()).toMatchObject({ gateway: "10.1.0.1" });
  client.say("renew", { ...LEASE, router: "10.1.0.254" });
  await turn();
  expect(cable()).toMatchObject({ gateway: "10.1.0.254" });
  client.say("deconfig");
  await turn();
  expect(cable()).not.toHaveProperty("gateway");
  expect(addressing.leases).toEqual([]);
});

test("a lease that is not given again runs out", async () => {
  (await begun()).say("bound", LEASE);
  await turn();
  clock.advance(599_000);
  expect(addressing.leases).toHaveLength(1);
  clock.advance(2000);
  expect(addressing.leases).toEqual([]);
  expect(changes).toBe(2);
});

test("a cable that comes back is asked about at once, for the address of before, which counts meanwhile", async () => {
  const client = await begun();
  client.say("bound", LEASE);
  await turn();
  addressing.look(seeing(link({ carrier: false })));
  expect([client.killed, addressing.leases.length]).toEqual([true, 1]);
  const next = await begun();
  expect(next.argv.at(-1)).toBe("-r10.1.0.50");
  expect(cable()).toMatchObject({ gateway: "10.1.0.1" });
  client.say("deconfig");
  await turn();
  expect(addressing.leases).toHaveLength(1);
});

test("a lease outlives the process that got it, not its own time, and not nonsense in the file", async () => {
  (await begun()).say("bound", LEASE);
  await turn();
  const again = (): Addressing => {
    const next = make();
    next.start();
    next.look(seeing(link()));
    return next;
  };
  const second = again();
  expect(intents(second, link())[0]).toMatchObject({ managed: { addresses: ["10.1.0.50/24"] } });
  await second.stop();
  clock.advance(600_000);
  const third = again();
  expect(third.leases).toEqual([]);
  await third.stop();
  const file = join(directory, "wan-leases.json");
  writeFileSync(file, readFileSync(file, "utf8").replace("{", "[ "));
  const fourth = again();
  expect(fourth.leases).toEqual([]);
  await fourth.stop();
});

test("a client that ends is started again, a moment later", async () => {
  const client = await begun();
  client.end();
  await turn();
  expect(clients).toHaveLength(1);
  clock.advance(1000);
  await turn();
  expect(clients).toHaveLength(2);
});

test("silence and nonsense are said, until there is a lease", async () => {
  const codes = () => addressing.problems.map(({ code }) => code);
  const client = await begun();
  client.say("leasefail");
  await turn();
  expect(codes()).toEqual(["dhcp-silent"]);
  client.say("bound", { ...LEASE, ip: "0.0.0.0" });
  await turn();
  expect(codes()).toEqual(["lease-unusable"]);
  client.say("bound", LEASE);
  await turn();
  expect(codes()).toEqual([]);
});
