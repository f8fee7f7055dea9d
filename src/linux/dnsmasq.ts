import { isIP } from "node:net";

/** What dnsmasq does for a LAN. */
export interface LanServices {
  readonly devices: readonly string[];
  readonly dhcp?: {
    readonly first: string;
    readonly last: string;
    readonly seconds: number;
    readonly hosts: readonly LanHost[];
    /** Where it notes what it gave to whom. */
    readonly leaseFile: string;
  };
  readonly dns?: {
    /** All are asked at once, and the first answer counts. */
    readonly upstream: readonly Upstream[];
    readonly domain: string | undefined;
  };
  /** Announces the devices' IPv6 networks. */
  readonly announce: boolean;
}

export interface LanHost {
  readonly mac: string;
  readonly address: string;
  readonly name?: string | undefined;
}

/** A resolver, and the WAN's device that it is asked through; without it, as the router's own traffic goes. */
export interface Upstream {
  readonly address: string;
  readonly device?: string;
}

/** Names that are kept; an entry is some hundred bytes. */
const CACHE_ENTRIES = 2000;
/** Questions that wait for an answer at a time: twice the usual, as each is asked over every WAN. */
const MAX_WAITING = 300;

/**
 * dnsmasq's config file (dnsmasq(8), 2.80 or newer), or undefined where there is nothing for it to do. Takes words that
 * were checked: nothing is quoted.
 */
export function renderDnsmasq({ devices, dhcp, dns, announce }: LanServices): string | undefined {
  if (dhcp === undefined && dns === undefined && !announce) return undefined;
  const lines = [
    // Sockets on the LAN's addresses alone, as they come and go; and nothing of the machine's own files.
    "bind-dynamic",
    "except-interface=lo",
    ...devices.map((device) => `interface=${device}`),
    "no-hosts",
    ...dnsLines(dns),
    ...(dhcp === undefined ? [] : dhcpLines(dhcp)),
    ...(announce ? announceLines(devices) : []),
  ];
  return `${lines.join("\n")}\n`;
}

function dnsLines(dns: LanServices["dns"]): readonly string[] {
  if (dns === undefined) return ["port=0"];
  const { upstream, domain } = dns;
  return [
    `cache-size=${CACHE_ENTRIES}`,
    `dns-forward-max=${MAX_WAITING}`,
    // What is no name of the internet's is not asked there (RFC 6303, RFC 1035).
    "domain-needed",
    "bogus-priv",
    ...(domain === undefined ? [] : [`domain=${domain}`, `local=/${domain}/`, "expand-hosts"]),
    // Without any, it reads /etc/resolv.conf by itself.
    ...(upstream.length === 0 ? [] : ["no-resolv"]),
    "all-servers",
    ...upstream.map(({ address, device }) => `server=${address}${device === undefined ? "" : `@${device}`}`),
  ];
}

function dhcpLines({ first, last, seconds, hosts, leaseFile }: NonNullable<LanServices["dhcp"]>) {
  return [
    "dhcp-authoritative",
    `dhcp-leasefile=${leaseFile}`,
    `dhcp-range=${first},${last},${seconds}s`,
    ...hosts.map(
      ({ mac, address, name }) => `dhcp-host=${[mac, address, ...(name ? [name] : [])].join(",")}`,
    ),
  ];
}

/** Addresses by SLAAC, from whatever networks the devices have. */
const announceLines = (devices: readonly string[]): readonly string[] => [
  "enable-ra",
  ...devices.map((device) => `dhcp-range=::,constructor:${device},ra-stateless`),
];

/** How it is started: in the foreground, its words on standard error, no file that tells of its pid. */
export const dnsmasqArgv = (configFile: string): readonly [string, ...string[]] => [
  "dnsmasq",
  "--keep-in-foreground",
  `--conf-file=${configFile}`,
  "--log-facility=-",
  "--pid-file",
];

/** Whether it was started with that config file. */
export const isDnsmasqOf =
  (configFile: string) =>
  (argv: readonly string[]): boolean =>
    argv.join("\0") === dnsmasqArgv(configFile).join("\0");

/** An address that a machine of the LAN has. */
export interface LanLease {
  readonly address: string;
  readonly mac: string;
  readonly name: string | null;
  /** Milliseconds since 1970; null for ever. */
  readonly until: number | null;
}

/** More than a network of /20 holds; whatever else a file has is not looked at. */
const MAX_LEASES = 4096;

/**
 * dnsmasq's lease file: "EXPIRY MAC ADDRESS NAME CLIENT-ID" a line, IPv4 first. Machines of the LAN choose their names and
 * ids, so a line that is not just so is passed over, and half a line is nothing.
 */
export function parseDnsmasqLeases(text: string): readonly LanLease[] {
  return text
    .split("\n")
    .slice(0, MAX_LEASES)
    .flatMap((line) => {
      const [expiry = "", mac = "", address = "", name = "", id, ...rest] = line.split(" ");
      const good =
        /^\d{1,12}$/.test(expiry) &&
        /^(?:[\da-f]{2}-)?[\da-f]{2}(?::[\da-f]{2}){5}$/i.test(mac) &&
        isIP(address) === 4 &&
        /^[\w.*-]{1,255}$/.test(name) &&
        id !== undefined &&
        rest.length === 0;
      if (!good) return [];
      const until = expiry === "0" ? null : Number(expiry) * 1000;
      return [{ address, mac: mac.toLowerCase(), name: name === "*" ? null : name, until }];
    });
}
