import { execFileSync } from "node:child_process";
import { exec, inNamespace, type Exec } from "../../src/linux/exec.ts";
import { netnsPath } from "../../src/linux/netns.ts";

/**
 * A network namespace for one test, with `ip` and any other command inside. Made of what every test here needs: devices
 * are ends of veth pairs, whose other ends ("DEVICE-peer") stand for the cable: taking them down takes the carrier.
 */
export interface Namespace {
  readonly name: string;
  readonly path: string;
  readonly exec: Exec;
  /** Runs `ip` with these words (split at spaces) inside; its output. */
  ip(words: string): string;
  /** Runs a command inside; its output. */
  run(...argv: [string, ...string[]]): string;
  /** A veth pair, both ends up, the near one with these addresses. */
  device(name: string, ...addresses: string[]): void;
  remove(): void;
}

let count = 0;

export function createNamespace(purpose: string): Namespace {
  count += 1;
  const name = `sennit-${process.pid}-${purpose}${count}`;
  const path = netnsPath(name);
  const call = (file: string, args: readonly string[]): string =>
    execFileSync(file, args, { encoding: "utf8", env: { ...process.env, LC_ALL: "C" }, stdio: "pipe" });
  const ip = (words: string): string => call("ip", ["-n", name, ...words.split(" ")]);
  const remove = (): void => {
    process.off("exit", remove);
    call("ip", ["netns", "del", name]);
  };
  call("ip", ["netns", "add", name]);
  process.once("exit", remove);
  ip("link set lo up");
  return {
    name,
    path,
    exec: inNamespace(exec, path),
    ip,
    run: (...argv) => call("nsenter", [`--net=${path}`, "--", ...argv]),
    device(device, ...addresses) {
      ip(`link add ${device} type veth peer name ${device}-peer`);
      for (const end of [device, `${device}-peer`]) ip(`link set ${end} up`);
      // Without duplicate address detection, which would make a test wait for seconds.
      for (const address of addresses)
        ip(`address add ${address} dev ${device}${address.includes(":") ? " nodad" : ""}`);
    },
    remove,
  };
}

/** Everything that the promise "as before, byte for byte" is about, in the words of the tools. */
export function snapshot(namespace: Namespace): string {
  const listings: readonly [string, ...string[]][] = [
    ["nft", "list", "ruleset"],
    ["ip", "rule"],
    ["ip", "-6", "rule"],
    ["ip", "-4", "route", "show", "table", "all"],
    ["ip", "-6", "route", "show", "table", "all"],
    ["ip", "mptcp", "endpoint"],
    ["ip", "mptcp", "limits"],
    // Counters and random values move by themselves; they are no settings.
    [
      "find",
      "/proc/sys/net",
      "-type",
      "f",
      "-readable",
      "!",
      "-name",
      "*secret*",
      "!",
      "-path",
      "*/nf_conntrack_count",
    ],
  ];
  const texts = listings.map((argv) => {
    const text = namespace.run(...argv);
    if (argv[0] !== "find") return `## ${argv.join(" ")}\n${text}`;
    return namespace.run("grep", "-Hs", "", ...text.trim().split("\n").sort());
  });
  return texts.join("\n");
}
