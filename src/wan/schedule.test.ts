import { describe, expect, test } from "vitest";
import { type Day, DAYS, scheduled, type Span, wallTime } from "./schedule.ts";

const hours = (from: number, to: number, changes: Partial<Span> = {}): Span => ({
  days: DAYS,
  from: from * 60,
  to: to * 60,
  role: "off",
  ...changes,
});
const at = (day: Day, hour: number, minute = 0) => ({ day, minute: hour * 60 + minute });
const NIGHT = [hours(22, 6)];
const WORK = [hours(8, 18, { days: ["mon", "tue", "wed", "thu", "fri"], role: "backup" })];
const WEEKEND = [hours(0, 24, { days: ["sat", "sun"] })];
const always = { role: "off", until: undefined } as const;

describe("a schedule gives", () => {
  test.each<[string, readonly Span[], ReturnType<typeof at>, ReturnType<typeof scheduled>]>([
    ["nothing without a span", [], at("mon", 12), undefined],
    ["nothing before its hour", NIGHT, at("mon", 21, 59), undefined],
    ["its role from the first minute on", NIGHT, at("mon", 22), { role: "off", until: "06:00" }],
    ["the same after midnight", NIGHT, at("tue", 5, 59), { role: "off", until: "06:00" }],
    ["the same over the end of the week", NIGHT, at("mon", 0), { role: "off", until: "06:00" }],
    ["nothing at its end", NIGHT, at("tue", 6), undefined],
    ["its role on its days", WORK, at("fri", 17), { role: "backup", until: "18:00" }],
    ["nothing on others", WORK, at("sat", 12), undefined],
    [
      "the day of the end where it is not within 24 hours",
      WEEKEND,
      at("sat", 0),
      { role: "off", until: "Mon 00:00" },
    ],
    ["the hour of it where it is", WEEKEND, at("sun", 0, 1), { role: "off", until: "00:00" }],
    ["no end where there is none", [hours(0, 24)], at("wed", 3), always],
    [
      "a whole day from an hour to the same",
      [hours(6, 6, { days: ["mon"] })],
      at("tue", 5),
      { role: "off", until: "06:00" },
    ],
    [
      "the first of two that overlap, up to where the second has another role",
      [hours(8, 10, { role: "backup" }), hours(9, 12)],
      at("mon", 9),
      { role: "backup", until: "10:00" },
    ],
    [
      "one end for spans that join",
      [hours(8, 10), hours(10, 12)],
      at("mon", 9),
      { role: "off", until: "12:00" },
    ],
    [
      "the end of a role that is the usual one",
      [hours(8, 10, { role: "active" })],
      at("mon", 9),
      { role: "active", until: undefined },
    ],
  ])("%s", (_, spans, now, expected) => {
    expect(scheduled(spans, "active", now)).toEqual(expected);
  });
});

describe("the clock on the wall", () => {
  const berlin = (utc: string) => wallTime(Date.parse(utc), "Europe/Berlin");
  test("is that of the time zone, on either side of a change of the clocks", () => {
    expect(berlin("2026-03-29T00:59:59Z")).toEqual(at("sun", 1, 59));
    expect(berlin("2026-03-29T01:00:00Z")).toEqual(at("sun", 3));
    expect(berlin("2026-10-25T00:59:00Z")).toEqual(at("sun", 2, 59));
    expect(berlin("2026-10-25T01:00:00Z")).toEqual(at("sun", 2));
    expect(wallTime(Date.parse("2026-03-29T23:30:00Z"), "Pacific/Auckland")).toEqual(at("mon", 12, 30));
  });

  test("turns at midnight, and shows nothing that is believed before it is set", () => {
    expect(berlin("2026-07-01T22:00:00Z")).toEqual(at("thu", 0));
    expect(wallTime(0)).toBeUndefined();
  });

  test.each([
    ["goes by in the night in which the clocks go forward", "2026-03-29T00:00:00Z", 60],
    ["is lived twice in the night in which they go back", "2026-10-24T23:00:00Z", 180],
  ])("a span from 01:30 to 03:30 %s", (_, from, minutes) => {
    const span = [hours(1.5, 3.5)];
    const start = Date.parse(from);
    const inside = Array.from({ length: 360 }, (_, minute) =>
      berlin(new Date(start + minute * 60_000).toISOString()),
    );
    expect(
      inside.filter((time) => time !== undefined && scheduled(span, "active", time) !== undefined),
    ).toHaveLength(minutes);
  });
});
