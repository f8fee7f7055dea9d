import { SennitError } from "../../base/errors.ts";
import type { Link } from "../iproute.ts";
import { checkKey, type Sysctl } from "../sysctl.ts";

/** What a setting takes: whole numbers in a range, one or a list, or one of some words. */
type Kind =
  | { readonly initial: string; readonly min: number; readonly max: number }
  | { readonly initial: string; readonly words: readonly string[] };

const INT_MAX = 0x7fff_ffff;
const UINT_MAX = 0xffff_ffff;
const number = (initial: string, min = -INT_MAX - 1, max = INT_MAX): Kind => ({ initial, min, max });

/** The settings of a namespace that we know of, as 6.18 has them by default. */
const SETTINGS: Readonly<Record<string, Kind>> = {
  "net/mptcp/enabled": number("1", 0, 1),
  "net/mptcp/pm_type": number("0", 0, 1),
  "net/mptcp/path_manager": { initial: "kernel", words: ["kernel", "userspace"] },
  "net/mptcp/close_timeout": number("60"),
  "net/mptcp/blackhole_timeout": number("3600", 0),
  "net/mptcp/stale_loss_cnt": number("4", 0, UINT_MAX),
  "net/mptcp/checksum_enabled": number("0", 0, 1),
  "net/ipv4/tcp_slow_start_after_idle": number("1", 0, 255),
  "net/ipv4/tcp_mtu_probing": number("0", 0, 255),
  "net/ipv4/tcp_base_mss": number("1024"),
  "net/ipv4/tcp_notsent_lowat": number(String(UINT_MAX), 0, UINT_MAX),
  "net/ipv4/tcp_rmem": number("4096\t131072\t6291456", 1),
  "net/ipv4/ip_local_port_range": number("32768\t60999", 1, 65_535),
  "net/ipv4/fib_multipath_hash_policy": number("0", 0, 3),
  "net/ipv6/fib_multipath_hash_policy": number("0", 0, 3),
  "net/ipv4/tcp_wmem": number("4096\t16384\t4194304", 1),
};

/** Settings that come and go with a device. */
const DEVICE_SETTINGS: Readonly<Record<string, Kind>> = {
  "link/DEVICE/up": number("1", 0, 1),
  "link/DEVICE/mtu": number("1500", 68, 65_535),
  "offload/DEVICE/gro": { initial: "on", words: ["on", "off"] },
  "net/ipv4/conf/DEVICE/forwarding": number("0"),
  "net/ipv4/conf/DEVICE/src_valid_mark": number("0"),
  "net/ipv4/conf/DEVICE/rp_filter": number("0"),
  "net/ipv4/conf/DEVICE/ignore_routes_with_linkdown": number("0"),
  "net/ipv4/conf/DEVICE/promote_secondaries": number("0"),
  "net/ipv6/conf/DEVICE/accept_ra": number("1"),
  "net/ipv6/conf/DEVICE/force_forwarding": number("0", 0, 1),
  "net/ipv6/conf/DEVICE/ignore_routes_with_linkdown": number("0"),
  "net/ipv4/neigh/DEVICE/retrans_time_ms": number("1000"),
  "net/ipv6/neigh/DEVICE/retrans_time_ms": number("1000"),
};

/** The settings of FakeKernel. */
export class FakeSysctl implements Sysctl {
  readonly #links: readonly Link[];
  readonly #values = new Map<string, string>();

  constructor(links: readonly Link[]) {
    this.#links = links;
  }

  get(key: string): string | undefined {
    if (!/^(link|offload)\//.test(key)) checkKey(key);
    const kind = this.#kindOf(key);
    return kind && (this.#values.get(key) ?? kind.initial);
  }

  set(key: string, value: string): void {
    if (!/^(link|offload)\//.test(key)) checkKey(key);
    const kind = this.#kindOf(key);
    if (kind === undefined) throw refusal(key, value, "ENOENT");
    const fields = value.trim().split(/\s+/);
    if ("words" in kind) {
      if (!kind.words.includes(value.trim())) throw refusal(key, value, "ENOENT");
    } else {
      const wrong = fields.some((field) => !/^-?\d+$/.test(field) || !isWithin(Number(field), kind));
      if (wrong || fields.length > kind.initial.split("\t").length) throw refusal(key, value, "EINVAL");
    }
    this.#values.set(key, fields.join("\t"));
  }

  #kindOf(key: string): Kind | undefined {
    const [, before, device = "", after] =
      /^(link\/|offload\/|net\/ipv[46]\/(?:conf|neigh)\/)(.+)(\/\w+)$/.exec(key) ?? [];
    if (before === undefined) return SETTINGS[key];
    const exists = this.#links.some(({ name }) => name === device);
    return exists ? DEVICE_SETTINGS[`${before}DEVICE${after}`] : undefined;
  }
}

const isWithin = (value: number, { min, max }: { readonly min: number; readonly max: number }): boolean =>
  value >= min && value <= max;

function refusal(key: string, value: string, code: string): SennitError {
  return new SennitError("kernel", code, `write "${value}" to sysctl ${key}: ${code}`, { detail: { key } });
}
