import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakePlane } from "../../test/relay/fake-plane.ts";
import { settle } from "../../test/relay/until.ts";
import { ManualClock } from "../base/clock.ts";
import { MemoryLog } from "../base/log.ts";
import { VERSION } from "../base/version.ts";
import { parseRouterConfig } from "../config/router.ts";
import { Journal } from "../control/journal.ts";
import { JsonLines } from "../control/jsonlines.ts";
import { orderMessage, type DataMessage, type OrderMessage } from "../control/messages.ts";
import { dataSocket } from "../control/place.ts";
import { Reconciler } from "../control/reconciler.ts";
import { FakeKernel } from "../linux/fake/kernel.ts";
import type { DesiredState } from "../netplan/model.ts";
import { TABLE_NAME } from "../netplan/own.ts";
import { RouterControl } from "./control.ts";

/** A reconciler whose runs can be held up; notes what was asked of it, in order of its doing. */
class SlowReconciler extends Reconciler {
  readonly done: ("apply" | "clean")[] = [];
  applying = 0;
  hold: Promise<void> = Promise.resolve();

  override async apply(desired: DesiredState) {
    this.applying++;
    await this.hold;
    const outcome = await super.apply(desired);
    this.done.push("apply");
    return outcome;
  }

  override async clean() {
    const outcome = await super.clean();
    this.done.push("clean");
    return outcome;
  }
}

/** Beyond all pids that there are (PID_MAX_LIMIT in linux/threads.h). */
const PID = 2 ** 22 + 1;

let directory: string;
let kernel: FakeKernel;
/** Addresses of which it was asked to forget what was masqueraded. */
let forgotten: string[];
let reconciler: SlowReconciler;
let control: RouterControl;
/** The data process that runs already: what control tells it, and how it answers. */
let data: Server;
let heard: OrderMessage[];
let say: (message: DataMessage) => void;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "sennit-test-"));
  kernel = new FakeKernel(TABLE_NAME);
  kernel.addDevice("lan0", "192.168.1.1/24");
  kernel.addDevice("fibre0", "10.1.0.2/24");
  const log = new MemoryLog();
  const journal = new Journal(join(directory, "journal.json"), "here");
  const { nft, ip, sysctl, monitor } = kernel;
  reconciler = new SlowReconciler({ nft, ip, sysctl, journal, log });
  heard = [];
  forgotten = [];
  data = createServer((socket) => {
    socket.on("error", () => undefined);
    const lines = new JsonLines(socket, (value) => {
      const message = orderMessage.parse(value);
      heard.push(message);
      if (message.type !== "stop") return;
      data.close();
      lines.close();
    });
    say = (message) => lines.send(message);
    say({
      type: "hello",
      version: VERSION,
      role: "router",
      pid: PID,
      phase: "new",
      ageMs: 1,
      drainLeftMs: null,
    });
    say({ type: "report", report: new FakePlane().report() });
  });
  await new Promise<void>((resolve) => data.listen(dataSocket(directory, PID), resolve));
  const config = `version: 1
lan: { interfaces: [lan0] }
wans: { fibre: { interface: fibre0, gateway: 10.1.0.1 } }
directories: { run: ${directory}, state: ${directory} }`;
  control = new RouterControl({
    config: parseRouterConfig(config, "router.yaml"),
    membership: {
      privateKey: "key",
      endpoints: [{ host: "198.51.100.1", port: 443 }],
      pin: "00".repeat(32),
      invite: { id: "00".repeat(8), secret: "00".repeat(24) },
    },
    kernel: {
      ip,
      nft,
      reconciler,
      conntrack: {
        deleteMasqueraded: async (address) => {
          forgotten.push(address);
          return 1;
        },
      },
      neighbours: { state: () => "unknown", ask: () => undefined },
      ask: () => Promise.resolve(undefined),
    },
    monitor,
    serverAddresses: ["198.51.100.1"],
    goOn: () => undefined,
    dataArgv: ["/nothing/of/this/name"],
    clock: new ManualClock(),
    log,
  });
});
afterEach(async () => {
  await control.stop();
  data.close();
  rmSync(directory, { recursive: true });
});

const state = () => control.status().state.name;
const codes = () => control.status().problems.map(({ code }) => code);

test("is starting until the data process has its orders, then down until it takes connections in", async () => {
  await control.start();
  expect(state()).toBe("starting");
  say({ type: "configured", error: null });
  await vi.waitFor(() => expect(state()).toBe("down"));
  expect(codes()).toContain("no-carrier");
  say({ type: "report", report: { ...new FakePlane().report(), intercepting: { v4: 5000, v6: 5001 } } });
  await vi.waitFor(() => expect(state()).toBe("up"));
});

test("says why the data process did not carry out its orders", async () => {
  await control.start();
  say({ type: "configured", error: "no such key" });
  await vi.waitFor(() => expect(state()).toBe("down"));
  expect(control.status().problems).toContainEqual({
    code: "orders-refused",
    message: "no such key",
    remedy: null,
  });
});

test("knows the state of a WAN, and makes the kernel forget what was masqueraded over one that is out", async () => {
  await control.start();
  const figures = {
    way: "fibre",
    health: "up",
    tcp: "up",
    probes: "up",
    heardMs: 5,
    unanswered: 0,
    loss: { probes: 10, lost: 0 },
    rttMs: 16,
    jitterMs: 1,
  } as const;
  say({ type: "report", report: { ...new FakePlane().report(), ways: [figures] } });
  await vi.waitFor(() =>
    expect(control.status().wans).toMatchObject([
      { name: "fibre", state: { name: "up" }, reason: "round trip 16 ms", rttMs: 16, lossPerMille: 0 },
    ]),
  );
  expect(forgotten).toEqual([]);
  kernel.setCarrier("fibre0", false);
  await vi.waitFor(() => expect(control.status().wans[0]?.state.name).toBe("no-carrier"));
  expect(forgotten).toEqual(["10.1.0.2"]);
  expect(codes()).toContain("wan-down");
});

test("takes back last what an adjustment makes that is under way while it stops", async () => {
  await control.start();
  const { promise, resolve: release } = Promise.withResolvers<void>();
  reconciler.hold = promise;
  const before = reconciler.applying;
  kernel.setCarrier("fibre0", false);
  await vi.waitFor(() => expect(reconciler.applying).toBe(before + 1));
  // Asked for while the first is under way, this one waits its turn.
  kernel.setCarrier("fibre0", true);
  await settle();
  const stopping = control.stop();
  // Time enough to take back too early.
  await vi.waitUntil(() => reconciler.done.includes("clean"), { timeout: 300 }).catch(() => undefined);
  release();
  await stopping;
  await vi.waitFor(() => expect(reconciler.applying).toBe(before + 2));
  expect(reconciler.done.slice(-3)).toEqual(["apply", "apply", "clean"]);
  expect(await kernel.nft.table()).toBeUndefined();
});
