import type { Event, Script } from "./script.ts";

/** Scripts that showed a defect once, or show one that chance seldom finds: they are played before all others. */

const KIBIBYTE = 1024;
const MUCH = 64 * KIBIBYTE * KIBIBYTE;

const dial = (latencyMs: number): Event => ({
  do: "dial",
  latencyMs,
  capacity: 64 * KIBIBYTE,
  lossy: false,
});
const wait = (ms: number): Event => ({ do: "wait", ms });
const open: Event = { do: "open", answer: "accept" };

export const FOUND: readonly Script[] = [
  {
    name: "news of a dead server's start comes after those of its successor",
    budgetBytes: MUCH,
    events: [
      dial(10),
      wait(30),
      open,
      dial(400),
      { do: "restart", side: "far", told: false },
      dial(1),
      wait(386),
      wait(13),
    ],
  },
  {
    name: "FIN is heard before OPENED, and its ACK is lost",
    budgetBytes: MUCH,
    events: [
      dial(10),
      wait(30),
      open,
      wait(0),
      dial(400),
      { do: "cut", link: 0, bytes: 28, told: "near" },
      dial(400),
      wait(10),
      dial(1),
      { do: "hold", link: 3, way: "up" },
      { do: "end", flow: 0, side: "far" },
      wait(1),
      { do: "repeat", side: "far", back: 0, link: 3 },
    ],
  },
  {
    name: "a flow waits for a new carrier and speaks on a draining one",
    budgetBytes: MUCH,
    events: [
      dial(10),
      wait(30),
      open,
      dial(1),
      wait(50_000),
      { do: "drain", link: 0, side: "near" },
      open,
      { do: "write", flow: 0, side: "near", bytes: 16_320 },
      { do: "cut", link: 1, bytes: 28, told: "near" },
      wait(12),
    ],
  },
  {
    name: "a server dies that has heard a question and not answered it",
    budgetBytes: MUCH,
    events: [
      dial(10),
      wait(30),
      open,
      { do: "write", flow: 0, side: "near", bytes: 1 },
      wait(10),
      { do: "restart", side: "far", told: false },
      { do: "hold", link: 0, way: "both" },
    ],
  },
  {
    name: "the first of many ACKs comes once more, last of all",
    budgetBytes: 128 * KIBIBYTE,
    events: [
      dial(10),
      wait(30),
      open,
      wait(100),
      { do: "write", flow: 0, side: "near", bytes: 400_000 },
      wait(1000),
      { do: "repeat", side: "far", back: 18, link: 0 },
      wait(100),
      { do: "write", flow: 0, side: "near", bytes: 100 },
    ],
  },
];
