import { systemClock } from "../../src/base/clock.ts";
import { Closer } from "../../src/base/closer.ts";
import { MemoryLog } from "../../src/base/log.ts";
import { createIpRoute } from "../../src/linux/iproutetool.ts";
import { createMonitor } from "../../src/linux/monitor.ts";
import { createNft } from "../../src/linux/nft.ts";
import { createSysctl } from "../../src/linux/sysctl.ts";
import { kernelState } from "./kernelstate-namespace.ts";
import { kernelStateContract } from "./kernelstate.contract.ts";

kernelStateContract("kernel", async () => {
  const closer = new Closer();
  return closer.unwindOnFailure(async () => {
    const host = await kernelState(closer, "contract");
    await host.device("wan0", "10.1.0.2/24", "2001:db8:1::2/64");
    await host.device("wan1", "10.2.0.2/24");
    return {
      ip: createIpRoute(host.exec),
      nft: createNft(host.exec, "contract"),
      sysctl: createSysctl(host.path),
      monitor: createMonitor({
        netns: host.path,
        table: "contract",
        clock: systemClock,
        log: new MemoryLog(),
      }),
      setCarrier: async (device, on) => void (await host.ip(`link set ${device}-peer ${on ? "up" : "down"}`)),
      close: () => closer.close(),
    };
  });
});
