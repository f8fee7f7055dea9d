import { expect, test } from "vitest";
import type { RouterIntent } from "./model.ts";
import { routerSysctls } from "./sysctls.ts";

const INTENT: RouterIntent = {
  lan: [],
  wans: [],
  relayPorts: { inet: undefined, inet6: undefined },
  serverAddresses: [],
  onFailure: "open",
};
const keepAlive = (namespaceKeepAlive: boolean) =>
  routerSysctls(INTENT, { namespaceKeepAlive }).filter(({ key }) => key.includes("keepalive"));

test("keepalive times are the namespace's only where sockets take none", () => {
  expect(keepAlive(false)).toEqual([]);
  expect(keepAlive(true)).toEqual([
    { key: "net/ipv4/tcp_keepalive_time", value: "25" },
    { key: "net/ipv4/tcp_keepalive_intvl", value: "25" },
  ]);
});
