import type { Link } from "../linux/iproute.ts";
import { networkOf, overlap } from "../netplan/prefix.ts";
import { looking, type Check, type Seen } from "./check.ts";
import type { DoctorWan } from "./evidence.ts";

/** The IPv4 and IPv6 networks that a device is in; link-local ones are everywhere. */
function networks(links: readonly Link[], device: string): readonly string[] {
  const { addresses = [] } = links.find(({ name }) => name === device) ?? {};
  return addresses
    .filter(({ scope }) => scope === "global")
    .map(({ address, prefixLength }) => networkOf(address, prefixLength));
}

/** What two WANs have in common, told of the later one. */
function shared(
  wans: readonly DoctorWan[],
  find: (one: DoctorWan, other: DoctorWan) => string | undefined,
): readonly Seen[] {
  return wans.flatMap((wan, index) =>
    wans.slice(0, index).flatMap((other) => {
      const evidence = find(wan, other);
      return evidence === undefined ? [] : [{ wan: wan.name, evidence }];
    }),
  );
}

/** How the addresses of the WANs and the LAN stand to each other. */
export const NETWORK_CHECKS: readonly Check[] = [
  {
    code: "wan-absent",
    severity: "warning",
    cause:
      "The WAN's device is not there: a stick that is not plugged in, a driver that did not load, or another name than the config says.",
    remedy: "look at `ip link`; plug the device in, or put its name into the config",
    look: looking(["wans", "links"], ({ wans, links }) =>
      wans
        .filter(({ device }) => !links.some(({ name }) => name === device))
        .map(({ name, device }) => ({ wan: name, evidence: `there is no device ${device}` })),
    ),
  },
  {
    code: "wan-no-carrier",
    severity: "warning",
    cause: "Nothing is at the other end of the cable, or the device is switched off.",
    remedy: "look at the cable and at what it leads to",
    look: looking(["wans", "links"], ({ wans, links }) =>
      wans.flatMap(({ name, device }) => {
        const link = links.find((one) => one.name === device);
        if (link === undefined || (link.up && link.carrier)) return [];
        return [{ wan: name, evidence: `${device} ${link.up ? "has no carrier" : "is switched off"}` }];
      }),
    ),
  },
  {
    code: "no-address",
    severity: "warning",
    cause: "Nobody has given the WAN an address, so nothing can be sent over it.",
    remedy:
      "see whether the modem gives addresses out by DHCP (`addressing: dhcp`), or set `addressing: static` and `addresses`",
    consequenceOf: ["wan-absent", "wan-no-carrier"],
    look: looking(["wans", "links"], ({ wans, links }) =>
      wans
        .filter(({ device }) => networks(links, device).length === 0)
        .map(({ name, device }) => ({ wan: name, evidence: `${device} has no address but link-local ones` })),
    ),
  },
  {
    code: "no-gateway",
    severity: "warning",
    cause: "The WAN has an address but no way on: nobody said which machine leads to the internet.",
    remedy: "set the WAN's `gateway`, or have the host's network manager make a default route on its device",
    consequenceOf: ["wan-absent", "wan-no-carrier", "no-address"],
    look: looking(["wans", "defaultRoutes"], ({ wans, defaultRoutes }) =>
      wans
        .filter(({ device }) => !defaultRoutes.includes(device))
        .map(({ name, device }) => ({ wan: name, evidence: `no default route leads to ${device}` })),
    ),
  },
  {
    code: "wan-same-address",
    severity: "warning",
    cause:
      "Two WANs have the same address, as stick modems of one make do. Multipath TCP can't tell their connections apart, so the later WAN is used by plain TCP beside it.",
    remedy: "give one of the modems another network, in its own settings",
    look: looking(["wans", "links"], ({ wans, links }) =>
      shared(wans, (wan, other) => {
        const mine = addressesOf(links, wan);
        const both = addressesOf(links, other).find((address) => mine.includes(address));
        return both && `${wan.device} and ${other.device} (${other.name}) both have ${both}`;
      }),
    ),
  },
  {
    code: "duplicate-subnet",
    severity: "info",
    cause:
      "Two WANs lie in the same network. Sennit keeps their traffic apart; other programs on this machine may use the wrong one, and neither modem's own page is surely reached.",
    remedy: "give one of the modems another network, in its own settings",
    consequenceOf: ["wan-same-address"],
    look: looking(["wans", "links"], ({ wans, links }) =>
      shared(wans, (wan, other) => {
        const mine = networks(links, wan.device);
        const both = networks(links, other.device).find((one) => mine.some((own) => overlap(own, one)));
        return both && `${wan.device} and ${other.device} (${other.name}) are both in ${both}`;
      }),
    ),
  },
  {
    code: "wan-is-lan",
    severity: "critical",
    cause:
      "A WAN lies in the same network as the LAN. Machines there can't be told from what is behind the WAN: answers, and the WAN's gateway, are looked for on the wrong side.",
    remedy: "give the LAN another network (`lan.addresses`), or the modem",
    look: looking(["wans", "lan", "links"], ({ wans, lan, links }) => {
      const inside = [
        ...lan.devices.flatMap((device) => networks(links, device)),
        ...lan.addresses.map((text) => {
          const [address = "", length = ""] = text.split("/");
          return networkOf(address, Number(length));
        }),
      ];
      return wans.flatMap(({ name, device }) => {
        const both = networks(links, device).find((one) => inside.some((own) => overlap(own, one)));
        return both === undefined
          ? []
          : [{ wan: name, evidence: `${device} and the LAN are both in ${both}` }];
      });
    }),
  },
];

function addressesOf(links: readonly Link[], { device }: DoctorWan): readonly string[] {
  const { addresses = [] } = links.find(({ name }) => name === device) ?? {};
  return addresses.filter(({ scope }) => scope === "global").map(({ address }) => address);
}
