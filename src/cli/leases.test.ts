import { expect, test } from "vitest";
import { leasesLines } from "./leases.ts";

test("leases as people read them", () => {
  const report = {
    wans: [
      {
        wan: "cable",
        device: "eth1",
        address: "10.1.0.50",
        prefixLength: 24,
        gateway: "10.1.0.1",
        dns: ["10.1.0.1"],
        server: "10.1.0.1",
        since: 0,
        until: 3_600_000,
      },
    ],
    lan: [{ address: "192.168.1.100", mac: "02:00:5e:10:00:01", name: null, until: null }],
  };
  expect(leasesLines(report, 60_000)).toEqual([
    "WAN    DEVICE  ADDRESS       GATEWAY   DNS       SERVER    SINCE  LEFT",
    "cable  eth1    10.1.0.50/24  10.1.0.1  10.1.0.1  10.1.0.1  1 min  59 min",
    "",
    "LAN ADDRESS    MAC                NAME  LEFT",
    "192.168.1.100  02:00:5e:10:00:01  -     for ever",
  ]);
  expect(leasesLines({ wans: [], lan: [] }, 0)).toEqual([
    "no WAN has a lease",
    "",
    "nobody in the LAN has a lease",
  ]);
});
