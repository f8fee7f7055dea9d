import { Closer } from "../../src/base/closer.ts";
import { exec } from "../../src/linux/exec.ts";
import { FakeTunTaps } from "../../src/linux/fake/tuntap.ts";
import { inNetns, netnsPath } from "../../src/linux/netns.ts";
import { createSysctl } from "../../src/linux/sysctl.ts";
import { openTunTap } from "../../src/linux/tuntap.ts";
import { namespaces } from "./namespaces.ts";
import { tunTapContract } from "./tuntap.contract.ts";

tunTapContract("kernel", async () => {
  const closer = new Closer();
  const [name = ""] = await namespaces(closer, "taps");
  const ip = (...args: string[]): Promise<unknown> => exec(["ip", "-n", name, ...args]);
  // Frames that the kernel sends by itself would get into our way.
  createSysctl(netnsPath(name)).set("net/ipv6/conf/default/disable_ipv6", "1");
  return {
    open: (kind, device) => inNetns(netnsPath(name), () => openTunTap(kind, device)),
    up: async (device, on) => void (await ip("link", "set", device, on ? "up" : "down")),
    bridge: async (...devices) => {
      await ip("link", "add", "bridge", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0");
      await ip("link", "set", "bridge", "up");
      for (const device of devices) await ip("link", "set", device, "master", "bridge");
    },
    close: () => closer.close(),
  };
});

tunTapContract("fake", () => {
  const fake = new FakeTunTaps();
  return Promise.resolve({
    open: fake.open,
    up: async (device, on) => fake.switch(device, on),
    bridge: async (first, second) => {
      fake.listen(first, (packet) => fake.send(second, packet));
      fake.listen(second, (packet) => fake.send(first, packet));
    },
    close: () => Promise.resolve(),
  });
});
