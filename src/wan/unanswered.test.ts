import { expect, test } from "vitest";
import { unansweredMs } from "./unanswered.ts";

test("a segment waits through all timeouts so far", () => {
  // Sent at 0, again after 200, 600 and 1400 ms; now it is 2000, and the next timeout is due at 3000.
  const sending = { unackedSegments: 1, timeouts: 3, rtoMs: 1600, lastDataSentMs: 600 };
  expect(unansweredMs(sending)).toBe(2000);
});

test("nothing waits where nothing was sent, or where it was answered in time so far", () => {
  expect(unansweredMs({ unackedSegments: 0, timeouts: 0, rtoMs: 200, lastDataSentMs: 60_000 })).toBe(0);
  expect(unansweredMs({ unackedSegments: 9, timeouts: 0, rtoMs: 200, lastDataSentMs: 5 })).toBe(0);
});
