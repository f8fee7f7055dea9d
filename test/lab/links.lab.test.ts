import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { Lab } from "../../src/lab/lab.ts";
import { endsOf, flood, ping, quantile, throughput } from "./measure.ts";

/** What TCP can make of a frame on the wire: 1448 bytes of 1514. */
const TCP_SHARE = 1448 / 1514;
/** Two seconds of a connection's life: congestion control still probes, and what waited for a lost packet comes late. */
const TCP_TOLERANCE = 0.12;
/** Late by a busy machine, on each of two ways, and early by 0.1 ms on purpose. */
const LATE_MS = 2;
const EARLY_MS = 0.3;

/** Where the machine itself was taken away for a while (a virtual one on a busy host), measure again. */
const RETRY = { retry: 2 };

const EMULATED = {
  dual: ["wan1", "wan2"],
  cascade: ["fibre", "lte"],
} as const;

describe.each(Object.keys(EMULATED) as (keyof typeof EMULATED)[])("the links of %s, from outside", (name) => {
  let lab: Lab;

  let tookMs: number;

  beforeAll(async () => {
    const started = performance.now();
    lab = await Lab.up(name);
    tookMs = performance.now() - started;
  });
  afterAll(() => lab.down());

  test("it is up at once", () => {
    // Some 0.6 s on an idle machine.
    expect(tookMs).toBeLessThan(5000);
  });

  test("every link has its delay", RETRY, async () => {
    const measured = await Promise.all(
      [...lab.links.values()].map(async (link) => {
        const { up, down } = link.settings;
        const { first, second } = endsOf(lab, link.spec);
        const result = await ping(lab, first.host, second.address);
        const [shortest, middle] = [quantile(result, 0), quantile(result, 0.5)];
        return { link: link.name, received: result.received, delay: up.delay + down.delay, shortest, middle };
      }),
    );
    const wrong = measured.filter(
      ({ received, delay, shortest, middle }) =>
        !(received === 10 && shortest > delay - EARLY_MS && middle < delay + LATE_MS),
    );
    expect(wrong).toEqual([]);
  });

  test.each(["up", "down"] as const)(
    "every link has its rate and its queue: %s",
    RETRY,
    async (direction) => {
      const measured = await Promise.all(
        EMULATED[name].map(async (name) => {
          const link = lab.link(name);
          const { rate, queue } = link.settings[direction];
          const before = (await link.counters())[direction].overflowed;
          const flooded = await flood(lab, endsOf(lab, link.spec), direction, rate * 1.3);
          return {
            name,
            rate: flooded.rate / rate,
            delay: quantile(flooded.ping, 0.5),
            full: link.settings.up.delay + link.settings.down.delay + (queue * 8000) / rate,
            overflowed: (await link.counters())[direction].overflowed - before,
          };
        }),
      );
      const wrong = measured.filter(
        ({ rate, delay, full, overflowed }) =>
          !(Math.abs(rate - 1) < 0.02 && delay > full * 0.95 && delay < full + LATE_MS && overflowed > 100),
      );
      expect(wrong).toEqual([]);
    },
  );

  test.each(["up", "down"] as const)("TCP finds the rate: %s", RETRY, async (direction) => {
    const measured = await Promise.all(
      EMULATED[name].map(async (link) => {
        const { settings, spec } = lab.link(link);
        const rate = await throughput(lab, endsOf(lab, spec), direction, 2);
        return { link, share: rate / (settings[direction].rate * TCP_SHARE) };
      }),
    );
    expect(measured.filter(({ share }) => Math.abs(share - 1) > TCP_TOLERANCE)).toEqual([]);
  });

  test.each(EMULATED[name])("what enters %s is somewhere", async (name) => {
    // A frame may be under way between two counters.
    await vi.waitFor(async () => {
      for (const counters of Object.values(await lab.link(name).counters())) {
        const { offered, delivered, lost, overflowed, cut, held } = counters;
        expect(delivered + lost + overflowed + cut + held).toBe(offered);
        expect(delivered).toBeGreaterThan(0);
      }
    });
  });
});

describe("a link changed while it runs", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.up("dual");
  });
  afterAll(() => lab.down());

  test("becomes another link, in one direction or both", RETRY, async () => {
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
    expect(share).toBeLessThan(TCP_SHARE * (1 + TCP_TOLERANCE));
    expect(share).toBeGreaterThan(TCP_SHARE * (1 - TCP_TOLERANCE));
  });

  test("the WANs become a profile, and what the topology says again", RETRY, async () => {
    const roundTrip = async (name: string): Promise<number> => {
      const { first, second } = endsOf(lab, lab.link(name).spec);
      return quantile(await ping(lab, first.host, second.address), 0.5);
    };
    await lab.setProfile("rtt_70");
    expect(lab.profile).toBe("rtt_70");
    expect(await roundTrip("wan1")).toBeLessThan(40 + LATE_MS);
    expect(await roundTrip("wan2")).toBeGreaterThan(140 - EARLY_MS);
    // A fault is no other profile.
    await lab.fault("delay", "wan2", "5 ms");
    expect(lab.profile).toBe("rtt_70");
    await lab.heal();
    await lab.setProfile();
    expect(lab.profile).toBeUndefined();
    expect(await roundTrip("wan1")).toBeLessThan(16 + LATE_MS);
    await expect(lab.setProfile("none")).rejects.toMatchObject({ code: "lab-bad-profile" });
  });

  test("refuses what no link can be", async () => {
    await expect(lab.link("wan1").set({ rate: "fast" })).rejects.toThrow(/rate/);
    await expect(lab.link("lan").set({ rate: "1 Mbit/s" })).rejects.toMatchObject({ code: "lab-cable" });
    expect(() => lab.link("nowhere")).toThrow(expect.objectContaining({ code: "lab-no-link" }));
  });
});
