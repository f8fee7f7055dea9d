import { createHash, randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { collect } from "../../test/relay/joined.ts";
import { settle, until } from "../../test/relay/until.ts";
import { ManualClock } from "../base/clock.ts";
import { MemoryLog } from "../base/log.ts";
import {
  dataReport,
  type DataMessage,
  type DataReport,
  type RouterOrders,
  type ServerOrders,
} from "../control/messages.ts";
import { FakeDatagrams } from "../linux/fake/datagrams.ts";
import { FakeNetwork } from "../linux/fake/network.ts";
import type { SockDiag } from "../linux/sockdiag.ts";
import type { Connection, Sockets } from "../linux/sockets.ts";
import { hashSecret } from "../relay/admission.ts";
import { createServerIdentity } from "../relay/certificate.ts";
import { createRouterKey, pinOf, routerId } from "../relay/identity.ts";
import { ServerDataPlane } from "../server/dataplane.ts";
import { ServerShard } from "../server/shard.ts";
import { RouterDataPlane } from "./dataplane.ts";
import { RouterShard } from "./shard.ts";

/**
 *                          fibre 203.0.113.11
 *   user 10.0.0.2 --- router                  === server 203.0.113.1:443 --- web 198.51.100.80
 *                          lte   203.0.113.12
 */
const SERVER = { address: "203.0.113.1", port: 443 };
const WEB = { address: "198.51.100.80", port: 80 };
const WAYS = [
  { name: "fibre", localAddress: "203.0.113.11", backup: false },
  { name: "lte", localAddress: "203.0.113.12", backup: false },
];
const INVITE = { id: randomBytes(8), secret: randomBytes(24) };

const identity = await createServerIdentity();
const routerKey = createRouterKey();

const routerOrders = (changes: Partial<RouterOrders> = {}): RouterOrders => ({
  role: "router",
  privateKey: routerKey,
  pin: pinOf(identity.certificatePem).toString("hex"),
  invite: { id: INVITE.id.toString("hex"), secret: INVITE.secret.toString("hex") },
  endpoints: [{ host: SERVER.address, port: SERVER.port }],
  ways: WAYS,
  carriers: 4,
  maxCarriers: 8,
  graceMs: 60_000,
  workers: 1,
  ports: null,
  ...changes,
});
const serverOrders = (changes: Partial<ServerOrders> = {}): ServerOrders => ({
  role: "server",
  key: identity.keyPem,
  certificate: identity.certificatePem,
  listen: [SERVER],
  allowPrivate: [],
  graceMs: 60_000,
  graceBytes: 2 ** 20,
  workers: 1,
  routers: [],
  invites: [
    {
      id: INVITE.id.toString("hex"),
      secretHash: hashSecret(INVITE.secret),
      expires: 1000,
      name: "cabin",
    },
  ],
  ...changes,
});

let clock: ManualClock;
let network: FakeNetwork;
let datagrams: FakeDatagrams;
let router: RouterDataPlane;
let server: ServerDataPlane;
let routerHost: Sockets;
let serverHost: Sockets;
let user: Sockets;
let web: Sockets;
let told: DataMessage[];
const log = new MemoryLog();

beforeEach(() => {
  clock = new ManualClock();
  network = new FakeNetwork(clock);
  log.lines.length = 0;
  told = [];
  routerHost = network.host("router", { addresses: WAYS.map(({ localAddress }) => localAddress) });
  serverHost = network.host("server", { addresses: [SERVER.address] });
  user = network.host("user", { addresses: ["10.0.0.2"], gateway: "router" });
  web = network.host("web", { addresses: [WEB.address] });
  datagrams = new FakeDatagrams(clock);
  router = newRouter();
  server = serverOn(serverHost);
});
afterEach(async () => {
  await router.stop();
  await server.stop();
  clock.advance(20_000);
  await until("all connections are closed", () => network.links.length === 0);
});

function newRouter(): RouterDataPlane {
  const parts = { paths: network.pathManager, sockets: routerHost, clock, log };
  const addresses = WAYS.map(({ localAddress }) => localAddress);
  return new RouterDataPlane({
    ...parts,
    openShard: (plan) => new RouterShard({ ...plan, ...parts, datagrams: datagrams.host(addresses) }),
    tell: (event) => void told.push(event),
  });
}

function serverOn(sockets: Sockets): ServerDataPlane {
  const sockDiag: SockDiag = { list: () => [], find: () => undefined, destroy: () => "not-found" };
  return new ServerDataPlane({
    sockets,
    datagrams: datagrams.host([SERVER.address]),
    openShard: (place, onChange) => new ServerShard({ place, onChange, sockets, sockDiag, clock, log }),
    startShard: () => expect.fail("no threads here"),
    clock,
    log,
    wallClock: () => 0,
    tell: () => undefined,
  });
}

async function up(): Promise<void> {
  await server.configure(serverOrders());
  await router.configure(routerOrders());
  await until("all carriers are up", async () => (await router.report()).sessions[0]?.carriers.length === 4);
  await until("connections are taken in", async () => (await router.report()).intercepting !== null);
}

async function request(): Promise<Connection> {
  const connection = await user.dial({ transport: "tcp", remote: WEB, timeoutMs: 1000 });
  connection.stream.on("error", () => undefined);
  return connection;
}

describe("a router and a server", () => {
  test("carry a user's connection to a web host and back", async () => {
    await up();
    const page = randomBytes(3_000_000);
    const from: string[] = [];
    await web.listen({ transport: "tcp", local: WEB }, ({ stream, remote }) => {
      from.push(remote.address);
      stream.resume().once("data", () => stream.end(page));
    });
    const { stream } = await request();
    const heard = collect(stream);
    stream.end("GET /");
    await until("the page came", () => {
      clock.advance(1);
      return heard.ended;
    });
    expect(heard.digest()).toBe(createHash("sha256").update(page).digest("hex"));
    expect(from).toEqual([SERVER.address]);
    await until("nothing is left", async () => (await router.report()).sessions[0]?.flows === 0);
    expect((await router.report()).counts).toEqual({
      opened: 1,
      refused: 0,
      reset: 0,
      moved: 0,
      carriersLost: 0,
    });
  });

  test("report values that control understands", async () => {
    await up();
    clock.advance(100);
    const [ours, theirs] = [await router.report(), await server.report()];
    for (const report of [ours, theirs]) expect(dataReport.parse(report)).toEqual(report);
    expect(ours.sessions[0]?.label).toBe("203.0.113.1:443");
    const id = routerId(routerKey);
    expect(theirs.sessions).toMatchObject([{ peer: id, label: "cabin", flows: 0 }]);
    expect(theirs.enrolments).toEqual([{ router: { id, name: "cabin" }, invite: INVITE.id.toString("hex") }]);
    const addresses = ours.sessions[0]?.carriers.flatMap(({ subflows }) =>
      subflows.map(({ localAddress }) => localAddress),
    );
    expect(new Set(addresses)).toEqual(new Set(WAYS.map(({ localAddress }) => localAddress)));
  });

  test("tell control what a target refused, for the next client", async () => {
    await up();
    const { stream } = await request();
    await until("the user's connection is reset", () => stream.destroyed);
    await until("control is told", () => told.some(({ type }) => type === "refused"));
    expect(told.filter(({ type }) => type === "refused")).toEqual([
      { type: "refused", target: WEB, unreachable: false },
    ]);
    expect((await router.report()).counts).toEqual({
      opened: 1,
      refused: 1,
      reset: 0,
      moved: 0,
      carriersLost: 0,
    });
  });

  test("let connections go directly when the server is gone, and take them in when it is back", async () => {
    await up();
    let direct = 0;
    await web.listen({ transport: "tcp", local: WEB }, ({ stream, remote }) => {
      if (remote.address === "10.0.0.2") direct++;
      stream.on("error", () => undefined).end();
    });
    const ports = (await router.report()).intercepting;
    await server.stop();
    await until(
      "all carriers are lost",
      async () => (await router.report()).sessions[0]?.carriers.length === 0,
    );
    clock.advance(2000);
    await until("the way in is closed", async () => (await router.report()).intercepting === null);
    expect((await router.report()).trouble).not.toBeNull();
    (await request()).reset();
    expect(direct).toBe(1);
    server = serverOn(network.host("server", { addresses: [SERVER.address] }));
    await server.configure(serverOrders());
    await until("it is open again", async () => {
      clock.advance(50);
      return (await router.report()).intercepting !== null;
    });
    expect((await router.report()).intercepting).toEqual(ports);
  });

  test("divide carriers and flows over shards, each with a session of its own", async () => {
    await server.configure(serverOrders());
    await router.configure(routerOrders({ workers: 2 }));
    const sessions = async (): Promise<DataReport["sessions"]> => (await router.report()).sessions;
    const carriers = async (): Promise<string> =>
      String((await sessions()).map((one) => one.carriers.length));
    await until("all carriers are up", async () => (await carriers()) === "2,2");
    await until("connections are taken in", async () => (await router.report()).intercepting !== null);
    await web.listen({ transport: "tcp", local: WEB }, ({ stream }) => void stream.resume());
    const users = await Promise.all(Array.from({ length: 10 }, request));
    const flows = async (): Promise<string> => String((await sessions()).map((one) => one.flows));
    await until("the flows are spread", async () => (await flows()) === "5,5");
    expect((await router.report()).counts.opened).toBe(10);
    const ids = (await sessions()).map(({ id }) => id);
    expect(new Set(ids.map((id) => id.slice(0, 16))).size).toBe(1);
    expect(new Set(ids).size).toBe(2);
    expect((await server.report()).sessions.map(({ id }) => id).sort()).toEqual(ids);
    for (const connection of users) connection.reset();
  });

  test("one user finds out for all shards that the server does not answer", async () => {
    await server.configure(serverOrders());
    await router.configure(routerOrders({ workers: 2 }));
    const usable = async (): Promise<boolean> => (await router.report()).intercepting !== null;
    await until("all carriers are up", async () =>
      (await router.report()).sessions.every(({ carriers }) => carriers.length === 2),
    );
    await until("connections are taken in", usable);
    network.setReachability(SERVER.address, "silent");
    const first = await request();
    await settle();
    for (let ms = 0; ms < 3000; ms += 50) {
      clock.advance(50);
      await settle(2);
    }
    await until("the way in is closed", async () => !(await usable()));
    expect((await router.report()).trouble).toBe("the server does not answer");
    network.setReachability(SERVER.address, "reachable");
    await until("it is open again", () => {
      clock.advance(50);
      return usable();
    });
    first.reset();
  });

  test("begin anew when the router joins another server", async () => {
    await up();
    const before = (await router.report()).sessions[0]?.carriers.map(({ number }) => number);
    const other = await createServerIdentity();
    await router.configure(routerOrders({ pin: pinOf(other.certificatePem).toString("hex") }));
    await until("the wrong server is noticed", async () => (await router.report()).trouble !== null);
    expect((await router.report()).sessions[0]?.carriers).toEqual([]);
    expect(before).toHaveLength(4);
    await router.configure(routerOrders());
    await until("it is back", async () => {
      clock.advance(50);
      return (await router.report()).sessions[0]?.carriers.length === 4;
    });
  });

  test("the server keeps carriers when its guest list or its policy changes", async () => {
    await up();
    const id = routerId(routerKey);
    const listed = serverOrders({
      routers: [{ id, name: "cabin" }],
      invites: [],
      allowPrivate: ["10.0.0.0/8"],
    });
    await server.configure(listed);
    await settle();
    expect((await server.report()).enrolments).toEqual([]);
    expect((await server.report()).sessions[0]?.carriers).toHaveLength(4);
  });

  test("refuse orders of the other role", async () => {
    await expect(router.configure(serverOrders())).rejects.toMatchObject({
      causeClass: "bug",
      code: "wrong-role",
    });
    await expect(server.configure(routerOrders())).rejects.toMatchObject({
      causeClass: "bug",
      code: "wrong-role",
    });
  });
});

describe("carriers", () => {
  const [FIBRE, LTE] = WAYS.map(({ localAddress }) => localAddress);
  /** The addresses that each carrier uses. */
  const used = async (): Promise<string[][]> =>
    ((await router.report()).sessions[0]?.carriers ?? []).map(({ subflows }) =>
      subflows.map(({ localAddress }) => localAddress).sort(),
    );
  const backups = (): string[][] => network.links.map((link) => link.backups.map(({ address }) => address));
  const each = <T>(value: T): T[] => [value, value, value, value];

  async function bonded(): Promise<void> {
    await up();
    clock.advance(100);
    expect(await used()).toEqual(each([FIBRE, LTE]));
    clock.advance(100);
  }

  test("use every WAN, and keep to the best while there is little to carry", async () => {
    await bonded();
    expect(backups()).toEqual(each([LTE]));
    expect((await router.report()).unused).toEqual([]);
  });

  test("take all WANs for a download, and give them back when it is over", async () => {
    await bonded();
    const page = randomBytes(3_000_000);
    await web.listen({ transport: "tcp", local: WEB }, ({ stream }) => {
      stream.resume().once("data", () => stream.end(page));
    });
    const { stream } = await request();
    const heard = collect(stream);
    stream.end("GET /");
    await until("a carrier has no backup", () => {
      clock.advance(10);
      return backups().some(({ length }) => length === 0);
    });
    await until("the page came", () => {
      clock.advance(10);
      return heard.ended;
    });
    clock.advance(3000);
    expect(backups().filter(({ length }) => length === 1)).toHaveLength(4);
  });

  test("leave a WAN that is gone, and use it again when it is back", async () => {
    await bonded();
    await router.configure(routerOrders({ ways: WAYS.slice(1) }));
    clock.advance(100);
    expect(await used()).toEqual(each([LTE]));
    await router.configure(routerOrders());
    clock.advance(200);
    expect(await used()).toEqual(each([FIBRE, LTE]));
  });

  test("tell of a WAN from which they cannot connect", async () => {
    await bonded();
    const lost = { name: "dsl", localAddress: "203.0.113.13", backup: false };
    await router.configure(routerOrders({ ways: [...WAYS, lost] }));
    clock.advance(2000);
    expect((await router.report()).unused).toEqual([]);
    clock.advance(2000);
    expect((await router.report()).unused).toEqual([
      { way: "dsl", localAddress: lost.localAddress, lacking: 4, carriers: 4, repairs: 1 },
    ]);
    expect(
      log.lines.filter(({ fields, level }) => level === "warn" && fields["wan"] === "dsl"),
    ).toMatchObject([{ level: "warn", fields: { carriers: 4, repairs: 1 } }]);
  });

  test("that fell back to plain TCP are left alone", async () => {
    network.stripMptcp = true;
    await up();
    clock.advance(5000);
    expect((await used()).map(({ length }) => length)).toEqual(each(1));
    expect((await router.report()).unused).toEqual([]);
  });
});

describe("a process that is being replaced", () => {
  /** A user's connection, and its end at the web host. */
  async function connection(): Promise<{ readonly user: Connection; readonly target: Connection }> {
    const accepted = Promise.withResolvers<Connection>();
    const listener = await web.listen({ transport: "tcp", local: WEB }, accepted.resolve);
    const ours = await request();
    const target = await accepted.promise;
    target.stream.on("error", () => undefined);
    await listener.close();
    return { user: ours, target };
  }

  async function echoes({ user: ours, target }: { readonly user: Connection; readonly target: Connection }) {
    const heard = collect(target.stream);
    ours.stream.write("x");
    await until("it arrives", () => {
      clock.advance(1);
      return heard.bytes === 1;
    });
  }

  const ourSession = async () => (await router.report()).sessions[0] ?? expect.fail();
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 50) {
      clock.advance(50);
      await settle(2);
    }
  };

  test("at the server: the router keeps the carriers it has, and makes none that would reach another process", async () => {
    await up();
    const open = await connection();
    await server.drain();
    await until("the router knows", async () => (await ourSession()).peerLeaves);
    const next = serverOn(serverHost);
    await next.configure(serverOrders());
    for (const link of network.links.filter(({ mptcp }) => mptcp).slice(0, 3)) link.cut();
    await until("three are lost", async () => (await ourSession()).carriers.length === 1);
    await pass(5000);
    expect((await ourSession()).carriers).toHaveLength(1);
    expect((await next.report()).sessions).toEqual([]);
    await echoes(open);
    network.links.find(({ mptcp }) => mptcp)?.cut();
    await until("it begins anew", async () => {
      clock.advance(50);
      return (await ourSession()).carriers.length === 4;
    });
    expect(await ourSession()).toMatchObject({ peerLeaves: false, flows: 0 });
    await until("who had a connection there is told", () => open.user.stream.destroyed);
    await next.stop();
  });

  test("at the router: takes in who is coming, then nobody, and its flows go on", async () => {
    await up();
    const open = await connection();
    const drained = router.drain();
    await until("the server knows", async () => (await server.report()).sessions[0]?.peerLeaves === true);
    expect((await router.report()).intercepting).not.toBeNull();
    await pass(3000);
    await drained;
    await pass(3000);
    expect((await router.report()).intercepting).toBeNull();
    await echoes(open);
    open.user.reset();
    await until("nothing is left", async () => (await ourSession()).flows === 0);
  });

  test("at the router: may be without a carrier for a while beside the new one", async () => {
    await up();
    const open = await connection();
    void router.drain();
    await until("the server knows", async () => (await server.report()).sessions[0]?.peerLeaves === true);
    const next = newRouter();
    await next.configure(routerOrders());
    await until("the new one is there", async () => (await next.report()).sessions[0]?.carriers.length === 4);
    // Its WANs are gone for it alone: as if it were killed, or had bad luck.
    await router.configure(routerOrders({ ways: [] }));
    for (const link of network.links.filter(({ mptcp }) => mptcp).slice(0, 4)) link.cut();
    await until("it has none", async () => (await ourSession()).carriers.length === 0);
    await pass(29_000);
    expect((await server.report()).sessions.map(({ flows }) => flows)).toContain(1);
    await pass(2500);
    expect((await server.report()).sessions.map(({ flows }) => flows)).toEqual([0]);
    await until("the target is told", () => open.target.stream.destroyed);
    await next.stop();
  });
});
