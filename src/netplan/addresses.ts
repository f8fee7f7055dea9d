import ipaddr from "ipaddr.js";
import type { Address, DeviceAddress, Link } from "../linux/iproute.ts";
import type { Observations, RouterIntent } from "./model.ts";
import { isOurMetric, METRIC_FIRST_WAN, METRIC_LAN } from "./own.ts";
import { familyOf } from "./prefix.ts";

/** The addresses that we give to devices: the LAN's own, and those of WANs that are ours to set up. */
export function plannedAddresses(intent: RouterIntent): readonly DeviceAddress[] {
  return [
    ...(intent.lanAddresses ?? []).map(({ device, address }) => placed(device, address, METRIC_LAN)),
    ...intent.wans.flatMap(({ role, device, managed }, index) =>
      role === "off"
        ? []
        : (managed?.addresses ?? []).map((address) => placed(device, address, METRIC_FIRST_WAN + index)),
    ),
  ];
}

/**
 * The devices as they are about to be: with the addresses that are planned and without those of ours that are not any more.
 * So one plan leads from the old lease to the new one, with no state between the two in which a WAN has neither. IPv6
 * addresses count when they are there: nobody may use one before it is known to be nobody else's (RFC 4862, 5.4).
 */
export function withPlanned(intent: RouterIntent, observed: Observations): Observations {
  const planned = plannedAddresses(intent);
  const links = observed.links.map((link): Link => {
    const wanted = planned.filter(({ device }) => device === link.name);
    const has = ({ address, prefixLength }: DeviceAddress): boolean =>
      link.addresses.some((own) => own.address === address && own.prefixLength === prefixLength);
    const stays = (own: Address): boolean =>
      !isOurMetric(own.metric) ||
      wanted.some(
        ({ address, prefixLength }) => own.address === address && own.prefixLength === prefixLength,
      );
    const coming = wanted.filter((one) => one.family === "inet" && !has(one)).map(asAddress);
    return { ...link, addresses: [...link.addresses.filter(stays), ...coming] };
  });
  return { ...observed, links };
}

function placed(device: string, text: string, metric: number): DeviceAddress {
  const [address = "", prefixLength = ""] = text.split("/");
  // In the kernel's spelling (RFC 5952), by which it is found again.
  const spelled = ipaddr.parse(address).toString();
  return {
    family: familyOf(address),
    device,
    address: spelled,
    prefixLength: Number(prefixLength),
    metric,
  };
}

const asAddress = ({ family, address, prefixLength, metric }: DeviceAddress): Address => ({
  family,
  address,
  prefixLength,
  metric,
  scope: "global",
  secondary: false,
  preferred: true,
});
