import { z } from "zod";

/** What the demo measured; the keys are those of `--out`. */
export const figuresSchema = z.strictObject({
  /** Plain TCP over one WAN, without Sennit. */
  fibre_mbps: z.number(),
  lte_mbps: z.number(),
  /** One download by a user behind the cascade, through Sennit. */
  bonded_mbps: z.number(),
  /** In a download during which the fibre was cut and came back, as the user's socket saw it. */
  longest_stall_ms: z.number(),
  /** In both downloads through Sennit. */
  bytes_wrong: z.int(),
  /** That Sennit took on the fuller of the two CPEs, with 200 users at work. */
  nat_entries: z.int(),
});
export type Figures = z.output<typeof figuresSchema>;

/** Share of the two WANs' sum that bonding must reach. */
const BONDED_SHARE = 0.95;
/** A cut that the router sees (no carrier) must not cost more; the kernel alone takes 1.5 to 2 s over a dead path, trackers 15 to 25 s. */
const STALL_LIMIT_MS = 2000;
/** The default bound of NAT entries per WAN. */
const NAT_LIMIT = 64;

export interface Judged {
  readonly what: string;
  readonly measured: string;
  readonly wanted: string;
  readonly ok: boolean;
}

/** The figures beside what was promised. */
export function judge(figures: Figures): readonly Judged[] {
  const { fibre_mbps, lte_mbps, bonded_mbps, longest_stall_ms, bytes_wrong, nat_entries } = figures;
  const sum = fibre_mbps + lte_mbps;
  const share = bonded_mbps / sum;
  const row = (what: string, measured: string, wanted = "", ok = true): Judged => ({
    what,
    measured,
    wanted,
    ok,
  });
  return [
    row("fibre alone", mbps(fibre_mbps)),
    row("LTE alone", mbps(lte_mbps)),
    row(
      "bonded by Sennit",
      `${mbps(bonded_mbps)}, ${Math.round(share * 100)} % of both`,
      `at least ${Math.round(BONDED_SHARE * 100)} %`,
      share >= BONDED_SHARE,
    ),
    row(
      "longest stall, fibre cut and back",
      `${longest_stall_ms} ms`,
      `at most ${STALL_LIMIT_MS} ms`,
      longest_stall_ms <= STALL_LIMIT_MS,
    ),
    row("bytes wrong", String(bytes_wrong), "none", bytes_wrong === 0),
    row("NAT entries, 200 users", String(nat_entries), `at most ${NAT_LIMIT}`, nat_entries <= NAT_LIMIT),
  ];
}

/** Whether every promise was kept. */
export function allHold(figures: Figures): boolean {
  return judge(figures).every(({ ok }) => ok);
}

function mbps(value: number): string {
  return `${value.toFixed(1)} Mbit/s`;
}
