import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exec } from "../../src/linux/exec.ts";
import { createServerIdentity } from "../../src/relay/certificate.ts";
import { SERVER, SERVER_PORT, WEB, type Contestant } from "../contestant.ts";
import { IPERF_PORT } from "../load/iperf.ts";
import { Program } from "./program.ts";
import { configureUplinks } from "./uplinks.ts";

/** As its manual's "mode tcp" tells: the other end is checked by its certificate, and nothing is looked at on the way. */
const COMMON = `defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
`;
/** The cipher that Sennit takes first. */
const CIPHER = "TLS_AES_128_GCM_SHA256";

/**
 * haproxy with TLS at both ends, under mptcpize: what C and OpenSSL can do here. It knows one target, the first iperf3, and
 * is asked by its own address: no transparent proxy.
 */
export const haproxy: Contestant = {
  name: "haproxy",
  async version() {
    const { stdout } = await exec(["haproxy", "-v"]);
    return `haproxy ${/version (\S+)/.exec(stdout)?.[1] ?? ""}`;
  },
  async start(lab, { wans, client }, closer) {
    const directory = await mkdtemp(join(tmpdir(), "sennit-bench-"));
    closer.add("files", () => rm(directory, { recursive: true, force: true }));
    const { certificatePem, keyPem } = await createServerIdentity();
    const [certificateFile, keyFile] = [join(directory, "server.crt"), join(directory, "server.pem")];
    await writeFile(certificateFile, certificatePem);
    await writeFile(keyFile, `${certificatePem}\n${keyPem}`, { mode: 0o600 });
    await configureUplinks(lab, wans, [SERVER.host]);

    const address = lab.host("router").addressOf("lan");
    const programs: Program[] = [];
    const launch = async (host: string, port: number, config: string): Promise<void> => {
      const file = join(directory, `${host}.cfg`);
      await writeFile(file, COMMON + config);
      const program = await Program.start(lab, host, ["mptcpize", "run", "haproxy", "-db", "-f", file]);
      closer.add(`haproxy on ${host}`, () => program.stop());
      programs.push(program);
      await program.listens(port);
    };
    await launch(
      SERVER.host,
      SERVER_PORT,
      `listen tunnel
  bind :${SERVER_PORT} ssl crt ${keyFile} ssl-min-ver TLSv1.3 ciphersuites ${CIPHER}
  server web ${WEB.address}:${IPERF_PORT}
`,
    );
    await launch(
      "router",
      IPERF_PORT,
      `listen lan
  bind ${address}:${IPERF_PORT}
  server tunnel ${SERVER.address}:${SERVER_PORT} ssl verify required ca-file ${certificateFile} ciphersuites ${CIPHER}
`,
    );
    return {
      way: { client, address, wrapper: [], crossesServer: true },
      log: () => Promise.resolve(programs.map(({ log }) => log).join("\n")),
    };
  },
};
