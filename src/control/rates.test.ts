import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Rates } from "./rates.ts";

describe("rates", () => {
  test("are bits per second between two looks", () => {
    const rates = new Rates();
    rates.update(1000, [["eth0", { bytesIn: 500, bytesOut: 0 }]]);
    expect(rates.of("eth0")).toEqual({ in: 0, out: 0 });
    rates.update(3000, [["eth0", { bytesIn: 2500, bytesOut: 1000 }]]);
    expect(rates.of("eth0")).toEqual({ in: 8000, out: 4000 });
  });

  test("are none for what was never seen, or is gone", () => {
    const rates = new Rates();
    expect(rates.of("eth0")).toEqual({ in: 0, out: 0 });
    rates.update(0, [["eth0", { bytesIn: 0, bytesOut: 0 }]]);
    rates.update(1000, [["eth0", { bytesIn: 1000, bytesOut: 0 }]]);
    rates.update(2000, []);
    expect(rates.of("eth0")).toEqual({ in: 0, out: 0 });
    rates.update(3000, [["eth0", { bytesIn: 9000, bytesOut: 0 }]]);
    expect(rates.of("eth0")).toEqual({ in: 0, out: 0 });
  });

  test("are none when a counter began anew", () => {
    const rates = new Rates();
    rates.update(0, [["eth0", { bytesIn: 5000, bytesOut: 5000 }]]);
    rates.update(1000, [["eth0", { bytesIn: 10, bytesOut: 6000 }]]);
    expect(rates.of("eth0")).toEqual({ in: 0, out: 0 });
    rates.update(2000, [["eth0", { bytesIn: 1010, bytesOut: 6000 }]]);
    expect(rates.of("eth0")).toEqual({ in: 8000, out: 0 });
  });

  test("stay as they were when two looks come at the same time", () => {
    const rates = new Rates();
    rates.update(0, [["eth0", { bytesIn: 0, bytesOut: 0 }]]);
    rates.update(1000, [["eth0", { bytesIn: 1000, bytesOut: 0 }]]);
    rates.update(1000, [["eth0", { bytesIn: 1000, bytesOut: 0 }]]);
    expect(rates.of("eth0")).toEqual({ in: 8000, out: 0 });
  });

  test("times their intervals add up to what was counted", () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 1, max: 5000 }), fc.nat({ max: 1_000_000 })), {
      minLength: 1,
    });
    fc.assert(
      fc.property(steps, (all) => {
        const rates = new Rates();
        let [now, bytesIn, sum] = [0, 0, 0];
        rates.update(now, [["eth0", { bytesIn, bytesOut: 0 }]]);
        for (const [ms, bytes] of all) {
          now += ms;
          bytesIn += bytes;
          rates.update(now, [["eth0", { bytesIn, bytesOut: 0 }]]);
          sum += (rates.of("eth0").in * ms) / 8000;
        }
        expect(sum).toBeCloseTo(bytesIn, 3);
      }),
    );
  });
});
