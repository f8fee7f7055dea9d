import { SennitError } from "../base/errors.ts";
import { familyOf, formatEndpoint } from "./ffi/sockaddr.ts";
import { GENERIC, withNetlink } from "./netlinksocket.ts";
import {
  decodeFamily,
  encodeCreate,
  encodeDestroySubflow,
  encodeFamilyRequest,
  encodeRemove,
  encodeSetBackup,
  type NewSubflow,
} from "./pathmanagercodec.ts";
import { exclusive } from "./threadlock.ts";
import { createSysctl } from "./sysctl.ts";
import type { Tuple } from "./sockdiag.ts";

export type { NewSubflow } from "./pathmanagercodec.ts";

/**
 * Decides about the subflows of one MPTCP connection at a time, known by its token (ConnectionInfo). Only for
 * connections dialled with `paths: "ours"`: all others are left to the kernel and its endpoints. Every call throws
 * `kernel` with an errno name: EINVAL or ESRCH for a connection or subflow that is not there (any more), EPERM
 * without CAP_NET_ADMIN. A connection can be joined once it has carried bytes both ways.
 */
export interface PathManager {
  /** Begins to connect one more subflow; whether it came to be is seen in the ConnectionInfo. */
  join(token: number, subflow: NewSubflow): void;
  /**
   * Ends every subflow from a local address, at both ends: the peer is told over another subflow, since these may be
   * dead. `id` is that of the address's `join`, 0 where the connection began. What they had not delivered goes over the
   * others.
   */
  leave(token: number, subflow: Tuple & { readonly id: number }): void;
  /** Ends one subflow; the peer is told over this one alone. */
  end(token: number, subflow: Tuple): void;
  /** Whether both ends use the subflow only while there is no other that works. */
  setBackup(token: number, subflow: Tuple, backup: boolean): void;
}

/**
 * The kernel's own (net/mptcp/pm_userspace.c, since Linux 5.19), of this process's namespace or of the one at `netns`.
 */
export function kernelPathManager(netns?: string): PathManager {
  let known: number | undefined;
  const ask = (what: string, encode: (family: number) => Buffer): void => {
    const errno = withNetlink(GENERIC, netns, (converse) => {
      known ??= decodeFamily(converse(encodeFamilyRequest()).payloads[0]);
      return converse(encode(known)).errno;
    });
    if (errno !== "errno 0") throw new SennitError("kernel", errno, `${what}: ${errno}`);
  };
  const end = (token: number, subflow: Tuple): void => {
    const destroy = (mapped: boolean): void =>
      ask(`end the subflow ${nameOf(subflow)}`, (family) =>
        encodeDestroySubflow(family, token, subflow, mapped),
      );
    try {
      destroy(false);
    } catch (error) {
      if (!hasCode(error, "ESRCH") || familyOf(subflow.local.address) !== 4) throw error;
      destroy(true);
    }
  };
  return {
    join: (token, subflow) => {
      const ends = `${subflow.localAddress} to ${formatEndpoint(subflow.remote)}`;
      ask(`join ${ends}`, (family) => encodeCreate(family, token, subflow));
    },
    leave: (token, { id, ...subflow }) => {
      let told = true;
      try {
        ask(`withdraw address ${id}`, (family) => encodeRemove(family, token, id));
      } catch (error) {
        if (!hasCode(error, "EINVAL", "ESRCH")) throw error;
        // Kernels before 6.5 know no id 0 here. The peer then notices by itself.
        told = false;
      }
      try {
        end(token, subflow);
      } catch (error) {
        // Since 6.11 the first message has ended it already.
        if (!told || !hasCode(error, "ESRCH")) throw error;
      }
    },
    end,
    setBackup: (token, subflow, backup) => {
      const what = `make ${nameOf(subflow)} ${backup ? "a backup" : "no backup"}`;
      ask(what, (family) => encodeSetBackup(family, token, subflow, backup));
    },
  };
}

const hasCode = (error: unknown, ...codes: readonly string[]): boolean =>
  error instanceof SennitError && codes.includes(error.code);

const nameOf = ({ local, remote }: Tuple): string => `${formatEndpoint(local)} to ${formatEndpoint(remote)}`;

/* The types of path manager (Documentation/networking/mptcp-sysctl.rst). */
const PM_TYPE = "net/mptcp/pm_type";
const USERSPACE = "1";

/**
 * Runs `open`, whose MPTCP sockets then belong to a PathManager. The kernel notes the type when a socket is made and
 * never asks again (mptcp_pm_data_reset), so the setting is put back at once: nothing of other programs is touched.
 * To be called in the namespace of the socket. One thread at a time: another's "as it was before" would be ours.
 */
export function withOwnPaths<T>(open: () => T): T {
  return exclusive(() => whileOwn(open));
}

function whileOwn<T>(open: () => T): T {
  const sysctl = createSysctl();
  const before = sysctl.get(PM_TYPE);
  if (before === undefined || before === USERSPACE) return open();
  sysctl.set(PM_TYPE, USERSPACE);
  try {
    return open();
  } finally {
    sysctl.set(PM_TYPE, before);
  }
}
