import { lookup } from "node:dns/promises";
import { isIP } from "node:net";

/** The addresses of a host name, all families; an address stands for itself. Rejects where the name is not known. */
export async function resolve(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

/** The addresses of several names; those that cannot be resolved now are left out. */
export async function resolveAll(hosts: readonly string[]): Promise<readonly string[]> {
  const answers = await Promise.allSettled(hosts.map(resolve));
  return answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
}
