import { beforeEach, expect, test } from "vitest";
import { settle } from "../../test/relay/until.ts";
import { ManualClock } from "../base/clock.ts";
import { ServerAddresses } from "./serveraddresses.ts";

const NAME = { host: "vpn.example.net", port: 443 };
const LITERAL = { host: "2001:db8::9", port: 8443 };
const V4 = "192.0.2.11";
const V6 = "2001:db8::11";

let clock: ManualClock;
let asked: number;
let answer: () => Promise<readonly string[]>;
let news: number;
let addresses: ServerAddresses;

beforeEach(() => {
  clock = new ManualClock();
  [asked, news] = [0, 0];
  answer = async () => ["192.0.2.2", "2001:db8::2"];
  addresses = new ServerAddresses({
    clock,
    resolve: async (host) => {
      if (host !== NAME.host) return [host];
      asked++;
      return answer();
    },
    onNews: () => void news++,
  });
});

test("all endpoints of the right family, in order, as soon as they are known", async () => {
  addresses.update([NAME, LITERAL]);
  expect(addresses.reachableFrom(V6)).toEqual([]);
  await settle();
  expect(news).toBe(2);
  expect(addresses.reachableFrom(V4)).toEqual([{ address: "192.0.2.2", port: 443 }]);
  expect(addresses.reachableFrom(V6)).toEqual([
    { address: "2001:db8::2", port: 443 },
    { address: "2001:db8::9", port: 8443 },
  ]);
});

test("the old answer stands while a name server is silent, or gone, or knows nothing any more", async () => {
  addresses.update([NAME]);
  await settle();
  for (const failing of [
    () => new Promise<never>(() => undefined),
    () => Promise.reject(new Error("EAI_AGAIN")),
    async () => [],
  ].toReversed()) {
    answer = failing;
    clock.advance(31_000);
    expect(addresses.reachableFrom(V4)).toHaveLength(1);
    await settle();
    expect(addresses.reachableFrom(V4)).toHaveLength(1);
    expect(addresses.failure).toBeUndefined();
  }
  expect(asked).toBe(4);
});

test("asked again at most every half minute, and every second after a failure", async () => {
  answer = () => Promise.reject(new Error("EAI_AGAIN"));
  addresses.update([NAME]);
  await settle();
  expect(addresses.failure?.message).toBe("EAI_AGAIN");
  for (let ms = 0; ms < 10_000; ms += 100) {
    clock.advance(100);
    addresses.reachableFrom(V4);
    await settle(5);
  }
  expect(asked).toBe(11);
  answer = async () => ["192.0.2.2"];
  for (let ms = 0; ms < 60_000; ms += 100) {
    clock.advance(100);
    addresses.reachableFrom(V4);
    await settle(5);
  }
  expect(asked).toBe(11 + 2);
  expect(news).toBe(1);
});

test("a name that is no longer used is forgotten", async () => {
  addresses.update([NAME]);
  await settle();
  addresses.update([LITERAL]);
  expect(addresses.reachableFrom(V4)).toEqual([]);
});
