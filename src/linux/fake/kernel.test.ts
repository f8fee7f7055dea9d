import { kernelStateContract } from "../../../test/linux/kernelstate.contract.ts";
import { FakeKernel } from "./kernel.ts";

kernelStateContract("fake", async () => {
  const kernel = new FakeKernel("contract");
  kernel.addDevice("wan0", "10.1.0.2/24", "2001:db8:1::2/64");
  kernel.addDevice("wan1", "10.2.0.2/24");
  return {
    ip: kernel.ip,
    nft: kernel.nft,
    sysctl: kernel.sysctl,
    monitor: kernel.monitor,
    setCarrier: async (device, on) => kernel.setCarrier(device, on),
    close: async () => undefined,
  };
});
