import type { Role } from "../config/fields.ts";
import type { Link, MptcpLimits, Rule } from "../linux/iproute.ts";
import type { WanStateName } from "../wan/supervisor.ts";
import type { QuotaState } from "../wan/quota.ts";

/** What could be seen, or why it could not. */
export type Known<T> = { readonly value: T } | { readonly unknown: string };

/** A WAN of the config, with the device that it has or would have. */
export interface DoctorWan {
  readonly name: string;
  readonly device: string;
  readonly role: "active" | "backup" | "off";
}

/** What a running router says of a WAN. */
export interface WanReport {
  readonly name: string;
  readonly state: WanStateName;
  readonly reason: string;
  /** Null without a quota. */
  readonly quota: { readonly state: QuotaState; readonly perMille: number } | null;
}

/** What the running role complains of by itself. */
export interface Complaint {
  readonly code: string;
  readonly message: string;
  readonly remedy: string | null;
}

/** What a machine looks like at one moment, as far as anybody could look. */
export interface Evidence {
  readonly role: Known<Role>;
  /** Those that are not off; none on a server. */
  readonly wans: Known<readonly DoctorWan[]>;
  /** The LAN's devices, and the addresses that we give to them ("192.168.1.1/24"). */
  readonly lan: Known<{ readonly devices: readonly string[]; readonly addresses: readonly string[] }>;
  readonly reports: Known<readonly WanReport[]>;
  readonly complaints: Known<readonly Complaint[]>;
  readonly links: Known<readonly Link[]>;
  readonly rules: Known<readonly Rule[]>;
  /** Devices that a default route leads to, in any table. */
  readonly defaultRoutes: Known<readonly string[]>;
  readonly mptcpEnabled: Known<boolean>;
  readonly limits: Known<MptcpLimits>;
  /** Addresses that somebody gave to the kernel's own path manager. */
  readonly endpoints: Known<readonly string[]>;
  readonly conntrack: Known<{ readonly count: number; readonly max: number }>;
  /** The time, and that of the latest file of ours: ms since 1970. */
  readonly clock: Known<{ readonly nowMs: number; readonly latestMs: number | undefined }>;
}
