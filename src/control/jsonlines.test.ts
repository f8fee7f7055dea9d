import { duplexPair } from "node:stream";
import type { Socket } from "node:net";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cut } from "../../test/relay/arbitraries.ts";
import { settle, until } from "../../test/relay/until.ts";
import { JsonLines } from "./jsonlines.ts";

const canonical = (text: string): string => JSON.stringify(JSON.parse(text));

/** Bytes on one side, values on the other. */
function pair(onMessage?: (value: unknown) => void) {
  const [near, far] = duplexPair();
  const heard: unknown[] = [];
  const lines = new JsonLines(far as Socket, onMessage ?? ((value) => void heard.push(value)));
  const failures: Error[] = [];
  far.on("error", (error) => failures.push(error));
  return { near, far, heard, lines, failures };
}

describe("JSON lines", () => {
  test("come as they were sent, however the bytes are cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue(), { maxLength: 10 }),
        fc.array(fc.nat({ max: 5000 }), { maxLength: 20 }),
        async (values, places) => {
          const { near, heard } = pair();
          const whole = Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
          for (const piece of cut(whole, places)) near.write(piece);
          await until("all came", () => heard.length === values.length);
          expect(JSON.stringify(heard)).toBe(JSON.stringify(values));
        },
      ),
      { numRuns: 50 },
    );
  });

  test("of any text end the connection at the first line that is no JSON, and not before", async () => {
    const line = fc.oneof(
      fc.json(),
      fc.string().filter((text) => !text.includes("\n")),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 8 }), async (lines) => {
        const { near, heard, failures } = pair();
        const isJson = (text: string): boolean => {
          try {
            JSON.parse(text);
            return true;
          } catch {
            return false;
          }
        };
        const wrong = lines.findIndex((text) => !isJson(text));
        near.write(lines.map((text) => `${text}\n`).join(""));
        const good = wrong === -1 ? lines.length : wrong;
        await until("it was read", () => heard.length === good && failures.length === (wrong === -1 ? 0 : 1));
        expect(JSON.stringify(heard)).toBe(`[${lines.slice(0, good).map(canonical).join()}]`);
      }),
      { numRuns: 100 },
    );
  });

  test("go both ways", async () => {
    const { near, lines } = pair();
    const answers: unknown[] = [];
    void new JsonLines(near as Socket, (value) => answers.push(value));
    lines.send({ type: "hello" });
    lines.send("größe\n");
    await until("both came", () => answers.length === 2);
    expect(answers).toEqual([{ type: "hello" }, "größe\n"]);
  });

  test.each([
    ["a line that is no JSON", "{]\n"],
    ["an empty line", "\n"],
  ])("%s ends the connection, and nothing behind it is taken", async (_, text) => {
    const { near, far, heard, failures } = pair();
    near.write(`1\n${text}2\n`);
    await until("it is closed", () => far.destroyed);
    expect(heard).toEqual([1]);
    expect(failures).toHaveLength(1);
  });

  test("a message that the receiver refuses ends the connection", async () => {
    const { near, far, failures } = pair(() => {
      throw new Error("not for me");
    });
    near.write("1\n");
    await until("it is closed", () => far.destroyed);
    expect(failures.map(({ message }) => message)).toEqual(["not for me"]);
  });

  test("a line without end is not kept for ever", async () => {
    const { near, far, failures } = pair();
    near.on("error", () => undefined);
    const piece = Buffer.alloc(1024 * 1024, "x");
    for (let count = 0; count < 12 && !far.destroyed; count++) {
      near.write(piece);
      await settle(3);
    }
    expect(far.destroyed).toBe(true);
    expect(failures[0]).toMatchObject({ code: "line-too-long" });
  });

  test("to one who does not read are not kept for ever", async () => {
    const { far, lines, failures } = pair();
    for (let count = 0; count < 40 && !far.destroyed; count++) {
      lines.send("x".repeat(1024 * 1024));
      await settle(3);
    }
    expect(far.destroyed).toBe(true);
    expect(failures[0]).toMatchObject({ code: "not-read" });
  });

  test("to a closed connection go nowhere", () => {
    const { lines, far } = pair();
    lines.close();
    lines.send("late");
    expect(far.destroyed).toBe(true);
  });
});
