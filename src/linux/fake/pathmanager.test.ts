import { FakeNetwork } from "./network.ts";
import { FIRST, pathManagerContract, SECOND, SERVER, SIX } from "../../../test/linux/pathmanager.contract.ts";

pathManagerContract("fake", async () => {
  const network = new FakeNetwork();
  return {
    router: network.host("router", { addresses: [FIRST, SECOND, SIX.router] }),
    server: network.host("server", { addresses: [SERVER, SIX.server] }),
    paths: network.pathManager,
    close: async () => undefined,
  };
});
