import type { StatusReport } from "../src/api/status.ts";
import type { Closer } from "../src/base/closer.ts";
import type { Lab } from "../src/lab/lab.ts";
import type { Site } from "./sites.ts";

/** How a client of the LAN reaches a port of the web host through a contestant. */
export interface Way {
  /** The host where the client runs. */
  readonly client: string;
  readonly address: string;
  /** What makes client and target speak the contestant's transport, before their command line. */
  readonly wrapper: readonly string[];
  /** Whether the bytes meet at the server's host, as they do with every relay. */
  readonly crossesServer: boolean;
}

/** A contestant at work in a lab. */
export interface Running {
  readonly way: Way;
  /** The last of what it said, for when something fails. */
  log(): Promise<string>;
  /** Settles when it uses all WANs again after a fault; what is not said needs no time. */
  settled?(): Promise<unknown>;
  /** What the router says of itself. Sennit alone does. */
  status?(): Promise<StatusReport>;
}

/** A program that brings the traffic of a LAN over several WANs to a server and on to the internet: Sennit or a peer. */
export interface Contestant {
  readonly name: string;
  /** "haproxy 2.6.12": what was measured. */
  version(): Promise<string>;
  /** Starts it on the hosts `router` and `server` of a site's lab, where nothing else runs; `closer` gets what ends it. */
  start(lab: Lab, site: Site, closer: Closer): Promise<Running>;
}

/** The host of the labs that is the rest of the internet, and where the load's other end is. */
export const WEB = { host: "web", address: "203.0.113.80" } as const;
/** Sennit's server, and the peers'. */
export const SERVER = { host: "server", address: "203.0.113.10" } as const;
/** Of every server: what a firewall lets through. */
export const SERVER_PORT = 443;
