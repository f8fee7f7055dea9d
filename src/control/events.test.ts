import { describe, expect, test } from "vitest";

import { Events } from "./events.ts";
import type { RouterEvent } from "./events.ts";

function event(at: number): RouterEvent {
  return { at, code: "test", severity: "info", wan: null, text: "It happened.", fields: {} };
}

function refuse(error: unknown): void {
  throw error;
}

describe("Events", () => {
  test("keeps the last ones, oldest first", () => {
    const events = new Events(refuse, 3);
    for (const at of [1, 2, 3, 4, 5]) events.emit(event(at));
    expect(events.recent().map(({ at }) => at)).toEqual([3, 4, 5]);
  });

  test("tells each subscription once, until it ends", () => {
    const events = new Events(refuse);
    const heard: number[] = [];
    const listener = ({ at }: RouterEvent): void => void heard.push(at);
    const end = events.subscribe(listener);
    events.subscribe(listener);
    events.emit(event(1));
    end();
    end();
    events.emit(event(2));
    expect(heard).toEqual([1, 1, 2]);
  });

  test("who subscribes while an event is told hears of the next one first", () => {
    const events = new Events(refuse);
    const heard: number[] = [];
    events.subscribe(() => void events.subscribe(({ at }) => heard.push(at)));
    events.emit(event(1));
    expect(heard).toEqual([]);
    events.emit(event(2));
    expect(heard).toEqual([2]);
  });

  test("a listener that throws is reported, and the others still hear", () => {
    const failures: unknown[] = [];
    const events = new Events((error) => failures.push(error));
    const heard: number[] = [];
    events.subscribe(() => {
      throw new Error("deaf");
    });
    events.subscribe(({ at }) => heard.push(at));
    events.emit(event(1));
    expect(failures).toHaveLength(1);
    expect(heard).toEqual([1]);
    expect(events.recent()).toHaveLength(1);
  });
});
