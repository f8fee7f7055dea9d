import { Hono } from "hono";
import { readdirSync } from "node:fs";
import { connect } from "node:net";
import { z } from "zod";
import { callApi } from "../api/client.ts";
import { listenOnSocket } from "../api/listen.ts";
import { asResponse, problem, problemOf } from "../api/problem.ts";
import { SennitError } from "../base/errors.ts";
import { controlSocket, LAB_DIRECTORY } from "./claim.ts";
import { asFaultName } from "./faults/kinds.ts";
import { Lab, type LabOptions } from "./lab.ts";
import { labStatus, type LabStatus } from "./status.ts";
import { loadTopology, type Topology } from "./topology/topology.ts";

/** How one terminal commands a lab that runs in another: HTTP over a Unix socket that bears the lab's name. */
const faultRequest = z.strictObject({ fault: z.string(), target: z.string(), value: z.string().optional() });
const healRequest = z.strictObject({ fault: z.string().optional(), target: z.string().optional() });
const profileRequest = z.strictObject({ profile: z.string().nullable() });
const done = z.strictObject({ done: z.literal(true) });
const healed = z.strictObject({ healed: labStatus.shape.faults });

/** A name that is a file's name too. */
const NAME = /^[a-z0-9][a-z0-9._-]{0,31}$/i;

export interface ServedLab {
  readonly lab: Lab;
  /** Settles when somebody has asked for its end. */
  readonly asked: Promise<void>;
  /** Takes the lab down. */
  close(): Promise<void>;
}

/**
 * Builds a lab that can be commanded by name from elsewhere: `sennit lab status`, `lab fault`, `lab down`. Throws
 * `lab-bad-name`, `already-running` where a lab of this name is up, and what Lab.up() throws.
 */
export async function serveLab(source: string | Topology, options: LabOptions = {}): Promise<ServedLab> {
  const topology = typeof source === "string" ? await loadTopology(source) : source;
  const name = options.name ?? topology.name;
  if (!NAME.test(name)) {
    throw new SennitError("config", "lab-bad-name", `"${name}" is no name for a lab: letters, digits, . _ -`);
  }
  const socket = controlSocket(name);
  // Before anything is claimed: the socket is removed with whatever was claimed together with it.
  if (await answers(socket)) {
    throw new SennitError("config", "already-running", `a lab named ${name} is up`, {
      remedy: `take it down with \`sennit lab down --name ${name}\``,
    });
  }
  const lab = await Lab.up(topology, { ...options, name, files: [...(options.files ?? []), socket] });
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  try {
    const listener = await listenOnSocket(createLabApi(lab, ask), socket);
    return {
      lab,
      asked,
      close: async () => {
        await lab.down();
        await listener.close();
      },
    };
  } catch (error) {
    await lab.down();
    throw error;
  }
}

function createLabApi(lab: Lab, ask: () => void): Hono {
  const api = new Hono();
  api.get("/v1/lab", async (context) => context.json(await lab.status()));
  api.post("/v1/faults", async (context) => {
    const { fault, target, value } = faultRequest.parse(await context.req.json());
    await lab.fault(asFaultName(fault), target, value);
    return context.json({ done: true });
  });
  api.post("/v1/heal", async (context) => {
    const { fault, target } = healRequest.parse(await context.req.json());
    const healed = await lab.heal(fault === undefined ? undefined : asFaultName(fault), target);
    return context.json({ healed: healed.map((entry) => ({ ...entry, value: entry.value ?? null })) });
  });
  api.post("/v1/profile", async (context) => {
    const { profile } = profileRequest.parse(await context.req.json());
    await lab.setProfile(profile ?? undefined);
    return context.json({ done: true });
  });
  api.post("/v1/down", (context) => {
    ask();
    return context.json({ done: true }, 202);
  });
  api.notFound((context) => asResponse(problem(404, "not-found", `no ${context.req.path} here`)));
  api.onError((error) =>
    asResponse(
      error instanceof z.ZodError || error instanceof SyntaxError
        ? problem(400, "body-invalid", error.message)
        : problemOf(error),
    ),
  );
  return api;
}

/** Names of the labs that are up. */
export async function runningLabs(): Promise<readonly string[]> {
  const names = socketNames();
  const up = await Promise.all(names.map((name) => answers(controlSocket(name))));
  return names.filter((_, index) => up[index]);
}

/** Commands a lab that runs in another process. Every method throws `not-running` where there is none of that name. */
export class LabClient {
  readonly name: string;
  readonly #socket: string;

  constructor(name: string) {
    this.name = name;
    this.#socket = controlSocket(name);
  }

  status(): Promise<LabStatus> {
    return this.#call(labStatus, "GET", "/v1/lab");
  }

  async fault(fault: string, target: string, value?: string): Promise<void> {
    await this.#call(done, "POST", "/v1/faults", { fault, target, value });
  }

  async heal(fault?: string, target?: string): Promise<LabStatus["faults"]> {
    return (await this.#call(healed, "POST", "/v1/heal", { fault, target })).healed;
  }

  /** Makes its WANs a pair of paths, or without a name what the topology says. */
  async profile(name?: string): Promise<void> {
    await this.#call(done, "POST", "/v1/profile", { profile: name ?? null });
  }

  /** Asks the lab to end; it takes a moment. */
  async down(): Promise<void> {
    await this.#call(done, "POST", "/v1/down");
  }

  async #call<S extends z.ZodType>(
    schema: S,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<z.output<S>> {
    try {
      return await callApi(this.#socket, schema, method, path, body);
    } catch (error) {
      if (!(error instanceof SennitError) || error.code !== "not-running") throw error;
      throw notRunning(`no lab named ${this.name} is up`);
    }
  }
}

/** Cause class `network`, code `not-running`. */
export function notRunning(what: string): SennitError {
  return new SennitError("network", "not-running", what, { remedy: "build one with `sennit lab up`" });
}

function socketNames(): string[] {
  try {
    return readdirSync(LAB_DIRECTORY)
      .filter((file) => file.endsWith(".sock"))
      .map((file) => file.slice(0, -".sock".length));
  } catch {
    // There has been no lab yet, or we may not look.
    return [];
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
