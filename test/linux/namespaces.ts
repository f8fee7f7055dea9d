import { exec } from "../../src/linux/exec.ts";
import type { Closer } from "../../src/base/closer.ts";

type Argv = [string, ...string[]];

/** `ip` and its words. */
export const ip = (words: string): Promise<unknown> => exec(["ip", ...words.split(" ")] as Argv);

/** Network namespaces of one test file, each with a link up on its loopback, gone after `closer.close()`. */
export async function namespaces(closer: Closer, ...names: readonly string[]): Promise<readonly string[]> {
  const full = names.map((name) => `sennit-${process.pid}-${name}`);
  for (const name of full) {
    await ip(`netns add ${name}`);
    closer.add(`namespace ${name}`, async () => void (await ip(`netns del ${name}`)));
    await ip(`-n ${name} link set lo up`);
  }
  return full;
}

/** One end of a veth: its namespace, its name there, its addresses with prefix length. */
export interface VethEnd {
  readonly netns: string;
  readonly device: string;
  readonly addresses: readonly string[];
}

/** Joins two namespaces by a cable. */
export async function veth(a: VethEnd, b: VethEnd): Promise<void> {
  await ip(`-n ${a.netns} link add ${a.device} type veth peer name ${b.device} netns ${b.netns}`);
  for (const { netns, device, addresses } of [a, b]) {
    await ip(`-n ${netns} link set ${device} up`);
    for (const address of addresses) {
      // Duplicate address detection would keep an IPv6 address unusable for a second or two.
      await ip(`-n ${netns} addr add ${address} dev ${device}${address.includes(":") ? " nodad" : ""}`);
    }
  }
}
