import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { Client } from "../api/client.ts";
import { socketPath } from "../api/listen.ts";
import type { StatusReport } from "../api/status.ts";
import type { WanStateName } from "../wan/supervisor.ts";
import { Closer } from "../base/closer.ts";
import { SennitError } from "../base/errors.ts";
import { loadRouterConfig } from "../config/router.ts";
import { selfArgv } from "../control/place.ts";
import type { Child } from "../linux/process.ts";
import type { Lab } from "./lab.ts";

export type Role = "router" | "server";

export interface PairOptions {
  /** Where routers find the server, HOST:PORT; or several such places. */
  readonly endpoint: string | readonly string[];
  /** What the router's file says of its LAN and WANs. */
  readonly router: {
    readonly lan: object;
    readonly wans: object;
    readonly relay?: object;
    readonly notify?: object;
  };
  readonly server?: object;
  /** How this program is started; like the one that runs unless told. */
  readonly argv?: (...args: readonly string[]) => readonly [string, ...string[]];
  /** Where the two write their logs: a file descriptor, or `logFile` unless told. */
  readonly log?: number;
}

/** How long both may take to be up and bonded (ms). */
const UP_LIMIT_MS = 20_000;
const LOOK_EVERY_MS = 50;
/** A command of the program: an emulated processor takes 20 s to read it for the first time. */
const COMMAND_MS = 60_000;

/** A Sennit router and its server at work in a lab, started as a user would start them: config files, invite, join, run. */
export class Pair {
  readonly lab: Lab;
  readonly directory: string;
  readonly #options: PairOptions;
  readonly #closer: Closer;
  readonly #children = new Map<Role, Child>();
  readonly #down = new AbortController();
  #log: number | undefined;

  private constructor(lab: Lab, directory: string, options: PairOptions, closer: Closer) {
    this.lab = lab;
    this.directory = directory;
    this.#options = options;
    this.#closer = closer;
  }

  /** Writes both files and makes the router a member of the server; nothing runs yet. */
  static async prepare(lab: Lab, options: PairOptions): Promise<Pair> {
    const closer = new Closer();
    return closer.unwindOnFailure(async () => {
      const directory = await mkdtemp(join(tmpdir(), "sennit-pair-"));
      closer.add("files", () => rm(directory, { recursive: true, force: true }));
      const pair = new Pair(lab, directory, options, closer);
      const log = await open(pair.logFile, "a", 0o600);
      closer.add("log", () => log.close());
      pair.#log = options.log ?? log.fd;
      await pair.#writeConfig("server", { ...options.server });
      await pair.#writeConfig("router", options.router);
      const token = await pair.sennit("server", [
        "server",
        "invite",
        ...[options.endpoint].flat().flatMap((endpoint) => ["--endpoint", endpoint]),
        "--label",
        "lab",
      ]);
      await pair.sennit("router", ["router", "join", "-"], token);
      return pair;
    });
  }

  /** Where both write their logs, unless told otherwise. */
  get logFile(): string {
    return join(this.directory, "sennit.log");
  }

  /** The config file of a role. */
  configFile(role: Role): string {
    return join(this.directory, `${role}.yaml`);
  }

  /** Runs a command of Sennit's on the host of that role, with its config file, to its end; the output. */
  async sennit(role: Role, args: readonly string[], input?: string): Promise<string> {
    const argv = this.#argv(...args, "--config", this.configFile(role));
    const { stdout } = await this.lab.exec(role)(argv, {
      timeoutMs: COMMAND_MS,
      ...(input !== undefined && { input }),
    });
    return stdout;
  }

  /** Starts a role's control process. */
  async start(role: Role): Promise<Child> {
    const argv = this.#argv(role, "run", "--config", this.configFile(role));
    const child = await this.lab.start(role, argv, { stdio: ["ignore", "ignore", this.#log ?? "ignore"] });
    this.#children.set(role, child);
    this.#closer.add(role, () => this.stop(role));
    return child;
  }

  /** Stops a role in good order. */
  async stop(role: Role): Promise<void> {
    const child = this.#children.get(role);
    this.#children.delete(role);
    if (child === undefined) return;
    child.kill("SIGTERM");
    await child.exited;
  }

  /** Kills a role's control process, which takes nothing back. */
  async kill(role: Role): Promise<void> {
    const child = this.#children.get(role);
    child?.kill("SIGKILL");
    await child?.exited;
  }

  /** What the role's API says. Throws `not-running`. */
  status(role: Role): Promise<StatusReport> {
    return new Client(socketPath(join(this.directory, role))).status();
  }

  /**
   * Waits until the role's status is as wanted. Throws `lab-not-up` with the last status when it does not come to that
   * in time, or when both are stopped meanwhile.
   */
  async until(
    role: Role,
    wanted: (status: StatusReport) => boolean,
    limitMs = UP_LIMIT_MS,
  ): Promise<StatusReport> {
    const end = performance.now() + limitMs;
    for (;;) {
      this.#down.signal.throwIfAborted();
      const status = await this.status(role).catch(() => undefined);
      if (status !== undefined && wanted(status)) return status;
      if (performance.now() > end) {
        throw new SennitError("bug", "lab-not-up", `the ${role} is not as wanted after ${limitMs} ms`, {
          detail: { status },
        });
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  /** Starts both, and waits until the router has all its carriers, each with a subflow on every WAN. */
  async up(): Promise<void> {
    await this.start("server");
    await this.until("server", ({ state }) => state.name === "up");
    await this.start("router");
    const { relay } = await loadRouterConfig(this.configFile("router"));
    await this.until("router", (status) => bonded(status) && readyCarriers(status).length >= relay.carriers);
  }

  /** Stops both and removes their files. */
  async down(): Promise<void> {
    this.#down.abort(new SennitError("network", "lab-not-up", "router and server were stopped"));
    await this.#closer.close();
  }

  #argv(...args: readonly string[]): readonly [string, ...string[]] {
    return (this.#options.argv ?? selfArgv)(...args);
  }

  async #writeConfig(role: Role, content: object): Promise<void> {
    const directories = { state: join(this.directory, `${role}-state`), run: join(this.directory, role) };
    await writeFile(this.configFile(role), stringify({ version: 1, ...content, directories }), {
      mode: 0o600,
    });
  }
}

const UNUSED: ReadonlySet<WanStateName> = new Set([
  "absent",
  "no-carrier",
  "no-address",
  "no-gateway",
  "down",
  "over-quota",
  "off",
]);

/** Whether there are carriers, and every one uses all WANs that are there. */
export function bonded(status: StatusReport): boolean {
  const wans = status.wans.filter(({ state }) => !UNUSED.has(state.name)).length;
  const ready = readyCarriers(status);
  return status.state.name === "up" && ready.length > 0 && ready.every(({ subflows }) => subflows >= wans);
}

const readyCarriers = ({ carriers }: StatusReport): StatusReport["carriers"] =>
  carriers.filter(({ state }) => state.name === "ready");
