import { z } from "zod";

/** Addresses that are given for a time: to this router by its WANs' providers, and by it to the LAN. Times are ms since 1970; null is for ever. */
export const leasesSchema = z.object({
  wans: z.array(
    z.object({
      wan: z.string(),
      device: z.string(),
      address: z.string(),
      prefixLength: z.int(),
      gateway: z.string().nullable(),
      dns: z.array(z.string()),
      server: z.string().nullable(),
      since: z.number(),
      until: z.number().nullable(),
    }),
  ),
  lan: z.array(
    z.object({
      address: z.string(),
      mac: z.string(),
      name: z.string().nullable(),
      until: z.number().nullable(),
    }),
  ),
});

export type LeasesReport = z.output<typeof leasesSchema>;
