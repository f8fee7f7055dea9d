import { release } from "node:os";
import { WEB, type Contestant } from "../contestant.ts";
import { configureUplinks } from "./uplinks.ts";

/**
 * The kernel's own Multipath TCP from the router's host to the web host, with nothing between but the NATs: the
 * ceiling. Client and target are iperf3 made to speak it by mptcpize. No user of a LAN has this: both ends must speak it.
 */
export const kernelMptcp: Contestant = {
  name: "kernel mptcp",
  version: () => Promise.resolve(`kernel mptcp ${release()}`),
  async start(lab, { wans }) {
    await configureUplinks(lab, wans, [WEB.host]);
    return {
      way: { client: "router", address: WEB.address, wrapper: ["mptcpize", "run"], crossesServer: false },
      log: () => Promise.resolve(""),
    };
  },
};
