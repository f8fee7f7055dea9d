import { describe, expect, it } from "vitest";
import { exec } from "../../src/linux/exec.ts";
import { type Capability, probeKernel } from "../../src/linux/probe.ts";

/** Everything of this machine that a probe might have left something in. */
async function traces(): Promise<readonly string[]> {
  const looks: readonly [string, ...string[]][] = [
    ["nft", "list", "ruleset"],
    ["ip", "rule"],
    ["ip", "-o", "link"],
    ["tc", "qdisc", "show", "dev", "lo"],
    ["ip", "mptcp", "endpoint"],
    ["ip", "mptcp", "limits"],
  ];
  return Promise.all(looks.map(async (argv) => (await exec(argv)).stdout));
}

const stateOf = (capabilities: readonly Capability[], id: string): string | undefined =>
  capabilities.find((capability) => capability.id === id)?.state;

describe("probing the kernel", () => {
  it("tries everything for real and leaves nothing behind", async () => {
    const before = await traces();
    const capabilities = await probeKernel();
    expect(await traces()).toEqual(before);
    // The namespace has no name: it lives as long as the process in it.
    const children = (await exec(["ps", "-o", "comm=", "--ppid", String(process.pid)])).stdout.split("\n");
    expect(children).not.toContain("cat");
    expect(new Set(capabilities.map(({ id }) => id)).size).toBe(capabilities.length);
    expect(capabilities.filter(({ state }) => state === "unknown")).toEqual([]);
    expect(capabilities.filter(({ evidence, purpose }) => evidence === "" || purpose === "")).toEqual([]);
    // Without these no other test of the lab could pass either.
    for (const id of [
      "mptcp.socket",
      "mptcp.path-manager-ours",
      "nft.tproxy4",
      "nft.tproxy6",
      "tun.tap",
      "nft.nat",
    ]) {
      expect(`${id} ${stateOf(capabilities, id)}`).toBe(`${id} yes`);
    }
  });

  it("says what the kernel says", async () => {
    const capabilities = await probeKernel();
    const tries = {
      "link.wireguard": "ip link add wg0 type wireguard",
      "qdisc.netem": "tc qdisc add dev lo root netem",
      "qdisc.htb": "tc qdisc add dev lo root htb",
    };
    for (const [id, command] of Object.entries(tries)) {
      const { status } = await exec(["unshare", "--net", "--", ...command.split(" ")], { allow: [1, 2] });
      expect(`${id} ${stateOf(capabilities, id)}`).toBe(`${id} ${status === 0 ? "yes" : "no"}`);
    }
  });

  it("works without any right: what needs a namespace is unknown, with the reason", async () => {
    const url = new URL("../../src/linux/probe.ts", import.meta.url).href;
    const script = `console.log(JSON.stringify(await (await import("${url}")).probeKernel()))`;
    const powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"] as const;
    const { stdout } = await exec([...powerless, process.execPath, "--input-type=module", "-e", script]);
    const capabilities = JSON.parse(stdout) as readonly Capability[];
    expect(capabilities.map(({ id }) => id)).toEqual((await probeKernel()).map(({ id }) => id));
    expect(stateOf(capabilities, "mptcp.socket")).toBe("yes");
    const paths = capabilities.find(({ id }) => id === "mptcp.path-manager-ours");
    expect(paths).toMatchObject({ state: "unknown" });
    expect(paths?.evidence).toContain("Operation not permitted");
  });
});
