import { CLIENT, datagramsContract, SERVER } from "../../../test/linux/datagrams.contract.ts";
import { systemClock } from "../../base/clock.ts";
import { FakeDatagrams } from "./datagrams.ts";

datagramsContract("fake", async () => {
  const network = new FakeDatagrams(systemClock);
  return {
    client: network.host(Object.values(CLIENT), ["up0"]),
    server: network.host(Object.values(SERVER)),
    device: "up0",
    close: async () => undefined,
  };
});
