import { expect, test } from "vitest";
import { GatewayWatch } from "./gatewaywatch.ts";

type Seen = Parameters<GatewayWatch["look"]>[2];

/** What is known after each look, and whether the gateways are to be asked: "answers", "silent", "?" and "ask". */
function history(...looks: readonly (readonly [at: number, doubted: boolean, ...states: Seen])[]): string[] {
  const watch = new GatewayWatch();
  return looks.map(([at, doubted, ...states]) => {
    const asks = watch.look(at, doubted, states);
    const known = watch.answers === undefined ? "?" : watch.answers ? "answers" : "silent";
    return asks ? `${known} ask` : known;
  });
}

test.each<[string, string[], string[]]>([
  [
    "asks nothing where there is no doubt",
    history([0, false, "unknown"], [5000, false, "answers"]),
    ["?", "answers"],
  ],
  [
    "asks at once in doubt, then rarely",
    history([0, true, "unknown"], [1000, true, "asking"], [9000, true, "unknown"], [10_000, true, "unknown"]),
    ["? ask", "?", "?", "? ask"],
  ],
  [
    "holds what was found while it asks anew",
    history([0, true, "unknown"], [3000, true, "silent"], [10_000, true, "silent"], [11_000, true, "asking"]),
    ["? ask", "silent", "silent ask", "silent"],
  ],
  [
    "forgets when the doubt is over",
    history([0, true, "silent"], [1000, false, "unknown"], [2000, true, "unknown"]),
    ["silent ask", "?", "? ask"],
  ],
  ["is content with one that answers", history([0, true, "silent", "answers"]), ["answers ask"]],
  ["blames none while one is not known", history([0, true, "silent", "asking"]), ["? ask"]],
  ["knows nothing where there is no gateway", history([0, true], [10_000, true]), ["?", "?"]],
])("%s", (_, found, expected) => {
  expect(found).toEqual(expected);
});
