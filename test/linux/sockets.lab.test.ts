import { Closer } from "../../src/base/closer.ts";
import { exec } from "../../src/linux/exec.ts";
import { kernelSockets } from "../../src/linux/kernelsockets.ts";
import { netnsPath } from "../../src/linux/netns.ts";
import { namespaces, veth } from "./namespaces.ts";
import { CLIENT, SERVER, socketsContract } from "./sockets.contract.ts";
import { withoutNetworkRights } from "./unprivileged.ts";

socketsContract("kernel", async () => {
  const closer = new Closer();
  return closer.unwindOnFailure(async () => {
    const [client = "", server = ""] = await namespaces(closer, "client", "server");
    await veth(
      { netns: client, device: "up0", addresses: [`${CLIENT.v4}/24`, `${CLIENT.v6}/64`] },
      { netns: server, device: "down0", addresses: [`${SERVER.v4}/24`, `${SERVER.v6}/64`] },
    );
    const nft = (rules: string): Promise<unknown> =>
      exec(["ip", "netns", "exec", server, "nft", "-f", "-"], { input: rules });
    const sockets = kernelSockets(netnsPath(client));
    return {
      client: sockets,
      // The socket is made and its options are set before the first turn ends.
      unprivileged: {
        dial: (options) => withoutNetworkRights(() => sockets.dial(options)),
        listen: (options, onConnection) => withoutNetworkRights(() => sockets.listen(options, onConnection)),
        adopt: (descriptor) => sockets.adopt(descriptor),
      },
      server: kernelSockets(netnsPath(server)),
      device: "up0",
      silence: async (on) => {
        await nft(
          on
            ? "table inet silence {\n chain in {\n type filter hook prerouting priority raw\n meta l4proto tcp drop\n }\n }\n"
            : "table inet silence\ndelete table inet silence\n",
        );
      },
      close: () => closer.close(),
    };
  });
});
