import { afterAll, beforeAll, expect, it } from "vitest";
import { Closer } from "../../src/base/closer.ts";
import { kernelEcho } from "../../src/linux/echo.ts";
import { exec } from "../../src/linux/exec.ts";
import { createIpRoute } from "../../src/linux/iproutetool.ts";
import {
  kernelNeighbours,
  type Neighbour,
  type Neighbours,
  type NeighbourState,
} from "../../src/linux/neighbours.ts";
import { netnsPath } from "../../src/linux/netns.ts";
import { until } from "../e2e/until.ts";
import { ip, namespaces, veth } from "./namespaces.ts";

/*
 *   router up0 ---- down0 modem: answers to one address of each family, to no other
 */
const closer = new Closer();
let [router, modem] = ["", ""];
let index = 0;

const OURS = { v4: "10.8.0.1", v6: "fd00:8::1" } as const;
const MODEM = { v4: "10.8.0.2", v6: "fd00:8::2" } as const;
const NOBODY = { v4: "10.8.0.9", v6: "fd00:8::9" } as const;

beforeAll(async () => {
  [router = "", modem = ""] = await namespaces(closer, "router", "modem");
  await veth(
    { netns: router, device: "up0", addresses: [`${OURS.v4}/24`, `${OURS.v6}/64`] },
    { netns: modem, device: "down0", addresses: [`${MODEM.v4}/24`, `${MODEM.v6}/64`] },
  );
  const links = await createIpRoute((argv, options) =>
    exec(["ip", "netns", "exec", router, ...argv], options),
  ).links();
  index = links.find(({ name }) => name === "up0")?.index ?? 0;
});
afterAll(() => closer.close());

const FAMILIES = ["v4", "v6"] as const;
const neighbours = (): Neighbours => kernelNeighbours(netnsPath(router));
const modems = (): readonly Neighbour[] => FAMILIES.map((family) => ({ index, address: MODEM[family] }));
const nobodies = (): readonly Neighbour[] => FAMILIES.map((family) => ({ index, address: NOBODY[family] }));
const both = (state: NeighbourState): readonly NeighbourState[] => [state, state];

/** Asks all of them, and waits until that is known of all. */
async function asked(all: readonly Neighbour[], wanted: NeighbourState): Promise<readonly NeighbourState[]> {
  const states = (): readonly NeighbourState[] => all.map((one) => neighbours().state(one));
  for (const one of all) neighbours().ask(one);
  return until(states, (found) => found.every((state) => state === wanted), 8000);
}

it("a neighbour is not known before it is asked, and then answers or is silent", async () => {
  const states = [...modems(), ...nobodies()].map((one) => neighbours().state(one));
  expect(states).toEqual([...both("unknown"), ...both("unknown")]);
  const found = await Promise.all([asked(modems(), "answers"), asked(nobodies(), "silent")]);
  expect(found).toEqual([both("answers"), both("silent")]);
});

it("a neighbour that goes away is silent when it is asked again", async () => {
  await ip(`-n ${modem} addr flush dev down0 scope global`);
  expect(await asked(modems(), "silent")).toEqual(both("silent"));
  await ip(`-n ${modem} addr add ${MODEM.v4}/24 dev down0`);
  await ip(`-n ${modem} addr add ${MODEM.v6}/64 dev down0 nodad`);
  expect(await asked(modems(), "answers")).toEqual(both("answers"));
});

it("a host answers an echo over the device, and nobody else does", async () => {
  const ask = (family: "v4" | "v6", address: string): Promise<boolean> =>
    kernelEcho(netnsPath(router))({ address, localAddress: OURS[family], device: "up0", timeoutMs: 500 });
  for (const family of FAMILIES) {
    const answers = [MODEM[family], NOBODY[family], MODEM[family]].map((address) => ask(family, address));
    expect(await Promise.all(answers)).toEqual([true, false, true]);
  }
});

it("a device that is not there has no neighbours, and asks for no echo", async () => {
  const gone = { index: 9999, address: MODEM.v4 };
  neighbours().ask(gone);
  expect(neighbours().state(gone)).toBe("unknown");
  await expect(
    kernelEcho(netnsPath(router))({
      address: MODEM.v4,
      localAddress: OURS.v4,
      device: "up9",
      timeoutMs: 500,
    }),
  ).rejects.toMatchObject({ code: "ENODEV" });
});
