import { expect, test } from "vitest";
import { SennitError, explain, messageOf } from "./errors.ts";

test("the environment's faults are told without a stack, with what to do", () => {
  const error = new SennitError("network", "peer-unreachable", "no route to the server", {
    remedy: "plug it in",
  });
  expect(explain(error)).toBe("no route to the server\n  -> plug it in");
  expect(explain(new SennitError("config", "x", "wrong"))).toBe("wrong");
});

test("our own faults show where they are", () => {
  expect(explain(new SennitError("bug", "impossible", "cannot be"))).toMatch(/cannot be\n +at /);
  expect(explain(new TypeError("not a function"))).toMatch(/^TypeError: not a function\n +at /);
});

test("anything can be thrown, and is told", () => {
  expect(explain("a string")).toBe("a string");
  expect(messageOf(undefined)).toBe("undefined");
  expect(messageOf(new Error("why"))).toBe("why");
});

test("an error carries its code, class, detail and cause", () => {
  const cause = new Error("ENOENT");
  const error = new SennitError("kernel", "no-tun", "no /dev/net/tun", {
    cause,
    detail: { path: "/dev/net/tun" },
  });
  expect(error).toMatchObject({
    code: "no-tun",
    causeClass: "kernel",
    cause,
    detail: { path: "/dev/net/tun" },
  });
  expect(new SennitError("bug", "x", "y").detail).toEqual({});
  expect("cause" in new SennitError("bug", "x", "y")).toBe(false);
});
