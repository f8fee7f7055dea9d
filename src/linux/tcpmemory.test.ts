import { expect, it } from "vitest";
import { readTcpMemory } from "./tcpmemory.ts";

it("finds what TCP uses among the other protocols, and the first mark", () => {
  const sockstat =
    "sockets: used 34\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem 526409\nUDP: inuse 0 mem 7\nFRAG: inuse 0 memory 9\n";
  expect(readTcpMemory(sockstat, "287898\t383867\t575796\n")).toEqual({ used: 526_409, low: 287_898 });
});
