import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Lab } from "../../src/lab/lab.ts";
import { exec } from "../../src/linux/exec.ts";
import { SERVER, SERVER_PORT, WEB, type Contestant } from "../contestant.ts";
import { Program } from "./program.ts";
import { configureUplinks } from "./uplinks.ts";

/** Where ss-redir listens on the router. */
const REDIR_PORT = 1080;
const MARK = "1";
const TABLE = "100";
/** Both programs take two descriptors for each connection. */
const OPEN_FILES = 20_000;
const COMMON = { password: "bench", method: "aes-256-gcm", timeout: 3600, nofile: OPEN_FILES };

/** TPROXY as ss-redir(1) sets it up with iptables, in the words of nft. */
const RULES = `table ip shadowsocks {
  chain prerouting {
    type filter hook prerouting priority mangle; policy accept;
    iifname "lan" ip protocol tcp fib daddr type != local tproxy to 127.0.0.1:${REDIR_PORT} meta mark set ${MARK}
  }
}
`;

/** shadowsocks-libev, the usual relay of such routers: ss-redir and ss-server, both made to speak Multipath TCP by mptcpize. */
export const shadowsocks: Contestant = {
  name: "shadowsocks-libev",
  async version() {
    // It prints its version with its help, and takes being asked for it as a mistake.
    const { stdout, stderr } = await exec(["ss-server", "-h"], { allow: [0, 1] });
    return /shadowsocks-libev \S+/.exec(stdout + stderr)?.[0] ?? "shadowsocks-libev";
  },
  async start(lab, { wans, client }, closer) {
    const directory = await mkdtemp(join(tmpdir(), "sennit-bench-"));
    closer.add("files", () => rm(directory, { recursive: true, force: true }));
    await configureUplinks(lab, wans, [SERVER.host]);
    await catchTcp(lab);
    const programs: Program[] = [];
    const launch = async (host: string, name: string, port: number, config: object): Promise<void> => {
      const file = join(directory, `${name}.json`);
      await writeFile(file, JSON.stringify({ ...COMMON, ...config }));
      const tproxy = name === "ss-redir" ? ["-T"] : [];
      const program = await Program.start(lab, host, ["mptcpize", "run", name, "-c", file, ...tproxy]);
      closer.add(name, () => program.stop());
      programs.push(program);
      await program.listens(port);
    };
    await launch(SERVER.host, "ss-server", SERVER_PORT, { server: "0.0.0.0", server_port: SERVER_PORT });
    await launch("router", "ss-redir", REDIR_PORT, {
      server: SERVER.address,
      server_port: SERVER_PORT,
      local_address: "127.0.0.1",
      local_port: REDIR_PORT,
    });
    return {
      way: { client, address: WEB.address, wrapper: [], crossesServer: true },
      log: () => Promise.resolve(programs.map(({ log }) => log).join("\n")),
    };
  },
};

/** Hands what comes from the LAN to ss-redir. */
async function catchTcp(lab: Lab): Promise<void> {
  const run = lab.exec("router");
  await run(["nft", "-f", "-"], { input: RULES });
  await run(["ip", "rule", "add", "fwmark", MARK, "lookup", TABLE]);
  await run(["ip", "route", "add", "local", "0.0.0.0/0", "dev", "lo", "table", TABLE]);
}
