import { describe, expect, test } from "vitest";
import { Closer } from "./closer.ts";
import { SennitError } from "./errors.ts";

const recording = (): { closer: Closer; undone: string[]; add: (name: string) => void } => {
  const closer = new Closer();
  const undone: string[] = [];
  return { closer, undone, add: (name) => closer.add(name, () => void undone.push(name)) };
};

test("undoes the newest first, and once", async () => {
  const { closer, undone, add } = recording();
  add("socket");
  add("session");
  await closer.close();
  await closer.close();
  expect(undone).toEqual(["session", "socket"]);
});

test("one failure does not keep the rest from being undone, and all are told", async () => {
  const { closer, undone, add } = recording();
  add("first");
  closer.add("second", () => Promise.reject(new Error("stuck")));
  closer.add("third", () => {
    throw new Error("gone");
  });
  const error = await closer.close().then(
    () => expect.fail("closed well"),
    (caught: unknown) => caught as AggregateError,
  );
  expect(undone).toEqual(["first"]);
  expect(error.errors).toMatchObject([
    { message: "while stopping third", cause: { message: "gone" } },
    { message: "while stopping second", cause: { message: "stuck" } },
  ]);
});

test("a start that fails unwinds, and its own error is the one that is told", async () => {
  const { closer, undone, add } = recording();
  const start = closer.unwindOnFailure(async () => {
    add("opened");
    closer.add("stubborn", () => Promise.reject(new Error("stuck")));
    throw new Error("refused");
  });
  await expect(start).rejects.toThrow("refused");
  expect(undone).toEqual(["opened"]);
});

test("a start that succeeds undoes nothing", async () => {
  const { closer, undone, add } = recording();
  expect(
    await closer.unwindOnFailure(async () => {
      add("opened");
      return 7;
    }),
  ).toBe(7);
  expect(undone).toEqual([]);
});

describe("what is added after the end", () => {
  test("is undone at once, and who added it is stopped", async () => {
    const { closer, undone, add } = recording();
    add("first");
    await closer.close();
    expect(() => add("late")).toThrow(expect.objectContaining({ code: "closed" }));
    await closer.close();
    expect(undone).toEqual(["first", "late"]);
  });

  test("is undone, too, while the end is under way", async () => {
    const { closer, undone, add } = recording();
    const { promise: slow, resolve: goOn } = Promise.withResolvers<void>();
    closer.add("slow", () => slow);
    const closing = closer.close();
    expect(() => add("late")).toThrow(expect.objectContaining({ code: "closed" }));
    expect(undone).toEqual([]);
    goOn();
    await closing;
    await closer.close();
    expect(undone).toEqual(["late"]);
  });

  test("and fails is told to who asks for the end again", async () => {
    const closer = new Closer();
    await closer.close();
    expect(() => closer.add("late", () => Promise.reject(new Error("stuck")))).toThrow(SennitError);
    await expect(closer.close()).rejects.toMatchObject({ errors: [{ message: "while stopping late" }] });
  });
});
