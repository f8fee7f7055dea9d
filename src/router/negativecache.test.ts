import { describe, expect, test } from "vitest";
import { settle } from "../../test/relay/until.ts";
import { ManualClock } from "../base/clock.ts";
import { SennitError } from "../base/errors.ts";
import { MemoryLog } from "../base/log.ts";
import type { Nft, SetElement } from "../linux/nft.ts";
import { NegativeCache } from "./negativecache.ts";

function world() {
  const clock = new ManualClock();
  const log = new MemoryLog();
  const added: (readonly [set: string, elements: readonly SetElement[]])[] = [];
  const refusing = new Set<string>();
  const nft: Pick<Nft, "addElements"> = {
    addElements: async (set, elements) => {
      if (refusing.has(set)) throw new SennitError("kernel", "nft-set-full", "full");
      added.push([set, elements]);
    },
  };
  const cache = new NegativeCache(nft as Nft, clock, log);
  return { clock, log, added, refusing, cache };
}

describe("the negative cache", () => {
  test("gathers for 50 ms and tells each set once", async () => {
    const { clock, added, cache } = world();
    cache.add({ address: "192.0.2.1", port: 80 }, false);
    cache.add({ address: "192.0.2.1", port: 80 }, false);
    cache.add({ address: "192.0.2.1", port: 443 }, false);
    cache.add({ address: "2001:db8::1", port: 80 }, false);
    cache.add({ address: "192.0.2.2", port: 80 }, true);
    cache.add({ address: "2001:db8::2", port: 80 }, true);
    clock.advance(49);
    await settle();
    expect(added).toEqual([]);
    clock.advance(1);
    await settle();
    expect(new Map(added)).toEqual(
      new Map([
        ["refused4", [{ value: "192.0.2.1 . 80" }, { value: "192.0.2.1 . 443" }]],
        ["refused6", [{ value: "2001:db8::1 . 80" }]],
        ["unreachable4", [{ value: "192.0.2.2 . 80" }]],
        ["unreachable6", [{ value: "2001:db8::2 . 80" }]],
      ]),
    );
    expect(added).toHaveLength(4);
  });

  test("drops what a port scan brings beyond 256 at a time, and goes on after", async () => {
    const { clock, added, cache } = world();
    for (let port = 1; port <= 5000; port++) cache.add({ address: "192.0.2.1", port }, false);
    clock.advance(50);
    await settle();
    expect(added.map(([, elements]) => elements.length)).toEqual([256]);
    cache.add({ address: "192.0.2.1", port: 9999 }, false);
    clock.advance(50);
    await settle();
    expect(added.at(-1)?.[1]).toEqual([{ value: "192.0.2.1 . 9999" }]);
  });

  test("a set that takes nothing keeps no other from it", async () => {
    const { clock, log, added, refusing, cache } = world();
    refusing.add("refused4");
    cache.add({ address: "192.0.2.1", port: 80 }, false);
    cache.add({ address: "192.0.2.2", port: 80 }, true);
    clock.advance(50);
    await settle();
    expect(added).toEqual([["unreachable4", [{ value: "192.0.2.2 . 80" }]]]);
    expect(log.lines.map(({ level, fields }) => [level, fields["set"]])).toEqual([["debug", "refused4"]]);
  });

  test("tells nothing any more once stopped", async () => {
    const { clock, added, cache } = world();
    cache.add({ address: "192.0.2.1", port: 80 }, false);
    cache.stop();
    clock.advance(1000);
    await settle();
    expect(added).toEqual([]);
  });
});
