import { Closer } from "../../src/base/closer.ts";
import { kernelDatagrams } from "../../src/linux/kerneldatagrams.ts";
import { netnsPath } from "../../src/linux/netns.ts";
import { CLIENT, datagramsContract, SERVER } from "./datagrams.contract.ts";
import { namespaces, veth } from "./namespaces.ts";

datagramsContract("kernel", async () => {
  const closer = new Closer();
  return closer.unwindOnFailure(async () => {
    const [client = "", server = ""] = await namespaces(closer, "client", "server");
    await veth(
      { netns: client, device: "up0", addresses: [`${CLIENT.v4}/24`, `${CLIENT.v6}/64`] },
      { netns: server, device: "down0", addresses: [`${SERVER.v4}/24`, `${SERVER.v6}/64`] },
    );
    return {
      client: kernelDatagrams(netnsPath(client)),
      server: kernelDatagrams(netnsPath(server)),
      device: "up0",
      close: () => closer.close(),
    };
  });
});
