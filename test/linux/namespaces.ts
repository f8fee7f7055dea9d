import { existsSync } from "node:fs";
import { exec } from "../../src/linux/exec.ts";
import type { Closer } from "../../src/base/closer.ts";

import { listNamespaces } from "../../src/linux/namespaces.ts";

type Argv = [string, ...string[]];

/** `ip` and its words. */
export const ip = (words: string): Promise<unknown> => exec(["ip", ...words.split(" ")] as Argv);

const PREFIX = "sennit-test";

/** Network namespaces of one test file, each with its loopback up, gone after `closer.close()`. */
export async function namespaces(closer: Closer, ...names: readonly string[]): Promise<readonly string[]> {
  await sweep();
  const full = names.map((name) => `${PREFIX}-${process.pid}-${name}`);
  for (const name of full) {
    await ip(`netns add ${name}`);
    closer.add(`namespace ${name}`, async () => void (await ip(`netns del ${name}`)));
    await ip(`-n ${name} link set lo up`);
  }
  return full;
}

/** Takes away what a test run left that was killed. */
async function sweep(): Promise<void> {
  for (const name of listNamespaces(`${PREFIX}-`)) {
    const pid = Number(name.split("-")[2]);
    if (!existsSync(`/proc/${pid}`)) await ip(`netns del ${name}`);
  }
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
