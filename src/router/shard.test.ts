import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Door, PIN, SERVER } from "../../test/relay/door.ts";
import { ordersWith } from "../../test/relay/fake-plane.ts";
import { until } from "../../test/relay/until.ts";
import { MemoryLog } from "../base/log.ts";
import type { RouterOrders } from "../control/messages.ts";
import { budgetCells } from "../relay/budget.ts";
import { PROCESS_BYTES } from "../wire/hello.ts";
import { RouterShard } from "./shard.ts";

const FIBRE = { name: "fibre", localAddress: "192.0.2.11", backup: false };

let door: Door;
let shard: RouterShard;

beforeEach(async () => {
  door = new Door();
  await door.open();
  const { clock, network } = door;
  shard = new RouterShard({
    place: { number: 0, of: 1, budget: { cells: budgetCells(1), thread: 0 } },
    process: randomBytes(PROCESS_BYTES),
    sockets: network.host("home", { addresses: [FIBRE.localAddress] }),
    datagrams: { open: ({ local }) => ({ local, send: idle, close: idle }) },
    paths: { join: idle, leave: idle, end: idle, setBackup: idle },
    clock,
    log: new MemoryLog(),
    tell: () => undefined,
  });
});
afterEach(async () => {
  await shard.stop();
  await door.close();
});

const idle = (): void => undefined;

function orders(changes: Partial<RouterOrders>): RouterOrders {
  const { key } = door.router;
  return {
    ...(ordersWith(2) as RouterOrders),
    privateKey: key.export({ format: "pem", type: "pkcs8" }),
    pin: PIN.toString("hex"),
    endpoints: [{ host: SERVER.address, port: SERVER.port }],
    ways: [FIBRE],
    maxCarriers: 2,
    ...changes,
  };
}

/** Numbers of the carriers that the server has. */
const numbers = (): number[] =>
  [...door.acceptor.sessions].flatMap(({ session }) => [...session.carriers].map(({ number }) => number));

test("a carrier's number is never used again while its session lives, whoever dials", async () => {
  await shard.configure(orders({}));
  await until("both carriers are up", () => numbers().length === 2);
  const before = numbers();
  // Another token makes everything new but the session.
  await shard.configure(orders({ invite: { id: "11".repeat(8), secret: "11".repeat(24) } }));
  await until("others are up", () => {
    door.clock.advance(25);
    return numbers().length === 2 && !numbers().some((number) => before.includes(number));
  });
  expect(Math.min(...numbers())).toBeGreaterThan(Math.max(...before));
});
