import { CLIENT, SERVER, socketsContract } from "../../../test/linux/sockets.contract.ts";
import { FakeNetwork } from "./network.ts";

socketsContract("fake", async () => {
  const network = new FakeNetwork();
  const addresses = [CLIENT.v4, CLIENT.v6];
  const devices = { eth0: addresses };
  return {
    client: network.host("client", { addresses, devices }),
    unprivileged: network.host("unprivileged", { addresses, devices, privileged: false }),
    server: network.host("server", { addresses: [SERVER.v4, SERVER.v6] }),
    device: "eth0",
    silence: async (on) => {
      for (const address of Object.values(SERVER)) {
        network.setReachability(address, on ? "silent" : "reachable");
      }
    },
    close: async () => undefined,
  };
});
