import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Lab } from "../../src/lab/lab.ts";
import { endsOf, flood, ping, quantile, throughput } from "./measure.ts";

/** What TCP can make of a frame on the wire: 1448 bytes of 1514. */
const TCP_SHARE = 1448 / 1514;
/** iperf3 has one second to find the rate; then it may lose this much to what congestion control does. */
const TCP_TOLERANCE = 0.06;
/** Late by a busy machine, on each of two ways, and early by 0.1 ms on purpose. */
const LATE_MS = 2;
const EARLY_MS = 0.3;

const EMULATED = {
  dual: ["wan1", "wan2"],
  cascade: ["fibre", "lte"],
} as const;

describe.each(Object.keys(EMULATED) as (keyof typeof EMULATED)[])("the links of %s, from outside", (name) => {
  let lab: Lab;

  beforeAll(async () => {
    const started = performance.now();
    lab = await Lab.up(name);
    // Some 0.6 s on an idle machine.
    expect(performance.now() - started).toBeLessThan(5000);
  });
  afterAll(() => lab.down());

  test("every link has its delay", async () => {
    await Promise.all(
      [...lab.links.values()].map(async (link) => {
        const { up, down } = link.settings;
        const { first, second } = endsOf(lab, link.spec);
        const result = await ping(lab, first.host, second.address);
        expect(result.received, link.name).toBe(10);
        expect(quantile(result, 0), link.name).toBeGreaterThan(up.delay + down.delay - EARLY_MS);
        expect(quantile(result, 0.5), link.name).toBeLessThan(up.delay + down.delay + LATE_MS);
      }),
    );
  });

  test.each(["up", "down"] as const)("every link has its rate: %s", async (direction) => {
    await Promise.all(
      EMULATED[name].map(async (link) => {
        const { settings, spec } = lab.link(link);
        const share = (await throughput(lab, endsOf(lab, spec), direction, 2)) / settings[direction].rate;
        expect(share, link).toBeLessThan(TCP_SHARE * 1.01);
        expect(share, link).toBeGreaterThan(TCP_SHARE * (1 - TCP_TOLERANCE));
      }),
    );
  });

  test("every queue holds what it should, and no more", async () => {
    await Promise.all(
      EMULATED[name].map(async (linkName) => {
        const link = lab.link(linkName);
        const ends = endsOf(lab, link.spec);
        const { rate, queue } = link.settings.up;
        const before = (await link.counters()).up;
        const flooded = flood(lab, ends, rate * 1.3, 2);
        const result = await ping(lab, ends.first.host, ends.second.address, { count: 20, every: 60 });
        const during = (await link.counters()).up;
        await flooded;
        const full = link.settings.up.delay + link.settings.down.delay + (queue * 8000) / rate;
        // It takes some pings until the queue is full; from then on all wait the same.
        expect(quantile(result, 0.9), linkName).toBeGreaterThan(full * 0.95);
        expect(quantile(result, 0.6), linkName).toBeLessThan(full + LATE_MS);
        expect(during.backlog, linkName).toBeLessThanOrEqual(queue);
        expect(during.overflowed, linkName).toBeGreaterThan(before.overflowed + 100);
      }),
    );
  });

  test("what enters is somewhere", async () => {
    for (const link of lab.links.values()) {
      for (const counters of Object.values(await link.counters())) {
        const { offered, delivered, lost, overflowed, cut, held } = counters;
        expect(delivered + lost + overflowed + cut + held, link.name).toBe(offered);
        expect(delivered, link.name).toBeGreaterThan(0);
      }
    }
  });
});

describe("a link changed while it runs", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.up("dual");
  });
  afterAll(() => lab.down());

  test("becomes another link, in one direction or both", async () => {
    const link = lab.link("wan1");
    await link.set({ rate: "10 Mbit/s", delay: "30 ms", down: { delay: "5 ms" } });
    expect(link.settings).toMatchObject({
      up: { rate: 10e6, delay: 30, queue: 125_000 },
      down: { rate: 10e6, delay: 5 },
    });
    const ends = endsOf(lab, link.spec);
    const result = await ping(lab, ends.first.host, ends.second.address);
    expect(quantile(result, 0)).toBeGreaterThan(35 - EARLY_MS);
    expect(quantile(result, 0.5)).toBeLessThan(35 + LATE_MS);
    const share = (await throughput(lab, ends, "down", 1)) / 10e6;
    expect(share).toBeLessThan(TCP_SHARE * 1.02);
    expect(share).toBeGreaterThan(TCP_SHARE * 0.9);
  });

  test("refuses what no link can be", async () => {
    await expect(lab.link("wan1").set({ rate: "fast" })).rejects.toThrow(/rate/);
    await expect(lab.link("lan").set({ rate: "1 Mbit/s" })).rejects.toMatchObject({ code: "lab-cable" });
    expect(() => lab.link("nowhere")).toThrow(expect.objectContaining({ code: "lab-no-link" }));
  });
});
