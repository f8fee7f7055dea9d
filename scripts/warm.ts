/**
 * Reads the program once, so that Node's compile cache (bin/node) has it before the first start: that would otherwise
 * take twice the time, and more memory in processes that then run for months.
 */
import { COMMANDS } from "../src/cli/main.ts";

for (const { load } of COMMANDS) await load();
await Promise.all([
  import("../src/cli/data.ts"),
  import("../src/router/dataplane.ts"),
  import("../src/server/dataplane.ts"),
]);
