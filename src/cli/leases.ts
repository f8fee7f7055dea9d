import { Command } from "commander";
import { Client } from "../api/client.ts";
import type { LeasesReport } from "../api/leases.ts";
import { formatAge, table, writeJson, writeLine } from "./output.ts";
import { socketsOf, targetOptions, type Target } from "./status.ts";

/** `sennit leases` */
export function leasesCommand(): Command {
  const leases = new Command("leases")
    .description("Show the addresses that the WANs were given, and those that the LAN's machines were")
    .option("--json", "write JSON: times in milliseconds since 1970, null for ever")
    .action(async (options: Target & { readonly json?: true }) => {
      const [socket = ""] = await socketsOf(options);
      const report = await new Client(socket).leases();
      if (options.json) writeJson(report);
      else for (const line of leasesLines(report, Date.now())) writeLine(line);
    });
  for (const option of targetOptions()) leases.addOption(option);
  return leases;
}

/** `now` is in milliseconds since 1970. */
export function leasesLines({ wans, lan }: LeasesReport, now: number): readonly string[] {
  const left = (until: number | null): string =>
    until === null ? "for ever" : formatAge(Math.max(0, until - now));
  return [
    ...(wans.length === 0
      ? ["no WAN has a lease"]
      : table(
          ["WAN", "DEVICE", "ADDRESS", "GATEWAY", "DNS", "SERVER", "SINCE", "LEFT"],
          wans.map((lease) => [
            lease.wan,
            lease.device,
            `${lease.address}/${lease.prefixLength}`,
            lease.gateway ?? "-",
            lease.dns.join(" ") || "-",
            lease.server ?? "-",
            formatAge(Math.max(0, now - lease.since)),
            left(lease.until),
          ]),
        )),
    "",
    ...(lan.length === 0
      ? ["nobody in the LAN has a lease"]
      : table(
          ["LAN ADDRESS", "MAC", "NAME", "LEFT"],
          lan.map(({ address, mac, name, until }) => [address, mac, name ?? "-", left(until)]),
        )),
  ];
}
