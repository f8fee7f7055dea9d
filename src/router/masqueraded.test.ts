import { beforeEach, expect, test } from "vitest";
import { ManualClock } from "../base/clock.ts";
import { MemoryLog } from "../base/log.ts";
import { newWan, type WanStateName } from "../wan/supervisor.ts";
import { Masqueraded } from "./masqueraded.ts";

let clock: ManualClock;
let forgotten: string[];
let masqueraded: Masqueraded;

beforeEach(() => {
  clock = new ManualClock();
  forgotten = [];
  masqueraded = new Masqueraded({
    conntrack: {
      deleteMasqueraded: (address) => {
        forgotten.push(address);
        return Promise.resolve(1);
      },
    },
    clock,
    log: new MemoryLog(),
  });
});

const become = (name: WanStateName): void =>
  masqueraded.look({
    wan: "fibre",
    addresses: ["10.1.0.2"],
    before: newWan(0),
    now: { ...newWan(0), name },
  });

test.each(["no-carrier", "absent", "no-gateway", "over-quota"] as const)("%s is a fact", (name) => {
  become(name);
  expect(forgotten).toEqual(["10.1.0.2"]);
});

test("down is a verdict, which is given two seconds to be taken back", () => {
  become("down");
  clock.advance(1999);
  become("checking");
  clock.advance(10_000);
  expect(forgotten).toEqual([]);
  become("down");
  clock.advance(2000);
  expect(forgotten).toEqual(["10.1.0.2"]);
});

test("nothing is forgotten after the end", () => {
  become("down");
  masqueraded.stop();
  clock.advance(2000);
  expect(forgotten).toEqual([]);
});
