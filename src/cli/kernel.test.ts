import { expect, it } from "vitest";
import { renderCapabilities } from "./kernel.ts";

it("shows capabilities in columns, evidence on one line, and counts them", () => {
  const lines = renderCapabilities([
    { id: "mptcp.socket", purpose: "carriers", state: "yes", evidence: "opened" },
    { id: "tun", purpose: "the tunnel", state: "no", evidence: "said\n  no" },
    { id: "nft.fib", purpose: "rules", state: "unknown", evidence: "not root" },
  ]);
  expect(lines).toEqual([
    "capability             for         evidence",
    "mptcp.socket  yes      carriers    opened",
    "tun           no       the tunnel  said no",
    "nft.fib       unknown  rules       not root",
    "",
    "1 yes, 1 no, 1 unknown",
  ]);
});
