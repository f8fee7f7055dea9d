import { SennitError } from "../../base/errors.ts";
import { createConntrack } from "../../linux/conntrack.ts";
import type { Lab } from "../lab.ts";
import { expectedSha256 } from "../services/bytes.ts";
import { send } from "./errands.ts";
import type { Figures } from "./figures.ts";
import type { Measured } from "./meter.ts";

/** What the demo tells whoever shows it. */
export interface DemoView {
  /** A new act begins. */
  act(title: string): void;
  /** Something happened within the act. */
  note(text: string): void;
  /** Bytes the user of the act has so far. */
  readonly progress: (bytes: number) => void;
}

export const SERVER_ENDPOINT = "203.0.113.10:443";
const WEB = "203.0.113.80";
/** The router's file of the demo says this. */
export const ROUTER = {
  lan: { interfaces: ["lan"] },
  wans: { fibre: { interface: "fibre" }, lte: { interface: "lte" } },
};

/** About ten seconds of each, so that the ramp-up of a connection weighs the same everywhere. */
const DOWNLOAD_BYTES = { fibre: 120e6, lte: 60e6, bonded: 180e6, cut: 120e6 } as const;
type Download = keyof typeof DOWNLOAD_BYTES;
/** Of the download with the cut: when the fibre goes, and how much comes before it is back. */
const CUT_AT_BYTES = 30e6;
const CUT_FOR_BYTES = 15e6;
const USERS = Array.from({ length: 200 }, (_, index) => `192.168.88.${10 + index}`);
const USERS_TOGETHER = 25;
const CPES = ["cpe-fibre", "cpe-lte"];

/** Measures each WAN alone, by plain TCP from the router's host; Sennit is not there yet. */
export async function measureAlone(
  lab: Lab,
  view: DemoView,
): Promise<Pick<Figures, "fibre_mbps" | "lte_mbps">> {
  const alone = async (device: "fibre" | "lte"): Promise<number> => {
    view.act(`${device} alone: a plain TCP download, without Sennit`);
    return mbps(await download(lab, "router", device, { device }, view.progress));
  };
  return { fibre_mbps: await alone("fibre"), lte_mbps: await alone("lte") };
}

/** Measures what users behind the cascade get through Sennit, which runs and is bonded. */
export async function measureBonded(
  lab: Lab,
  view: DemoView,
  natBefore: NatEntries,
): Promise<Omit<Figures, "fibre_mbps" | "lte_mbps">> {
  view.act("one download by one user behind the cascade");
  const localAddress = USERS[0] ?? "";
  const whole = await download(lab, "users", "bonded", { localAddress }, view.progress);

  view.act(`a page for each of ${USERS.length} users`);
  const pages = await send(lab, "users", {
    kind: "pages",
    web: WEB,
    localAddresses: USERS,
    together: USERS_TOGETHER,
  });
  if (pages.type !== "pages" || pages.answered !== USERS.length) {
    throw new SennitError("network", "demo-pages", "not every user got a page");
  }
  const natEntries = await natBefore.newSince(lab);
  view.note(`all answered, the slowest in ${pages.slowestMs} ms; ${natEntries} NAT entries`);

  view.act("the same download again, and the fibre is cut in the middle");
  const cut = new CableCut(lab, view);
  const survived = await download(lab, "users", "cut", { localAddress }, (bytes) => {
    view.progress(bytes);
    cut.consider(bytes);
  });
  await cut.over();
  return {
    bonded_mbps: mbps(whole),
    longest_stall_ms: survived.longestStallMs,
    bytes_wrong: whole.bytesWrong + survived.bytesWrong,
    nat_entries: natEntries,
  };
}

async function download(
  lab: Lab,
  host: string,
  what: Download,
  from: { readonly localAddress?: string; readonly device?: string },
  onProgress: (bytes: number) => void,
): Promise<Measured> {
  const bytes = DOWNLOAD_BYTES[what];
  const errand = { kind: "download", web: WEB, bytes, seed: what, ...from } as const;
  const result = await send(lab, host, errand, onProgress);
  if (result.type !== "downloaded")
    throw new SennitError("bug", "demo-errand", `answered with ${result.type}`);
  // The meter compared byte by byte; the hash is the second opinion.
  if (result.bytesWrong === 0 && result.sha256 !== expectedSha256(bytes, what)) {
    throw new SennitError("bug", "demo-hash", "SHA-256 differs although every byte is right");
  }
  return result;
}

/** Pulls the fibre's plug at one point of a download and puts it back at another. */
class CableCut {
  readonly #lab: Lab;
  readonly #view: DemoView;
  #done: Promise<unknown> = Promise.resolve();
  #state: "whole" | "cut" | "mended" = "whole";

  constructor(lab: Lab, view: DemoView) {
    this.#lab = lab;
    this.#view = view;
  }

  consider(bytes: number): void {
    if (this.#state === "whole" && bytes >= CUT_AT_BYTES) {
      this.#state = "cut";
      this.#view.note("the fibre is cut (link down)");
      this.#go(() => this.#lab.fault("down", "fibre"));
    } else if (this.#state === "cut" && bytes >= CUT_AT_BYTES + CUT_FOR_BYTES) {
      this.#state = "mended";
      this.#view.note("the fibre is back");
      this.#go(() => this.#lab.heal("down", "fibre"));
    }
  }

  #go(step: () => Promise<unknown>): void {
    this.#done = this.#done.then(step);
    // Told by over(), which nobody calls when the download failed before.
    this.#done.catch(() => undefined);
  }

  /** Settles when the plug is in again, however far the download came. */
  async over(): Promise<void> {
    await this.#done;
    await this.#lab.heal("down", "fibre");
  }
}

/** What the CPEs' connection tracking holds, to tell later what came since. */
export class NatEntries {
  readonly #known: ReadonlySet<string>;

  private constructor(known: ReadonlySet<string>) {
    this.#known = known;
  }

  static async now(lab: Lab): Promise<NatEntries> {
    return new NatEntries(new Set((await Promise.all(CPES.map((cpe) => entriesOf(lab, cpe)))).flat()));
  }

  /** New entries on the CPE that has more of them, closed ones included. */
  async newSince(lab: Lab): Promise<number> {
    const counts = CPES.map(async (cpe) => {
      const entries = await entriesOf(lab, cpe);
      return entries.filter((entry) => !this.#known.has(entry)).length;
    });
    return Math.max(...(await Promise.all(counts)));
  }
}

async function entriesOf(lab: Lab, cpe: string): Promise<readonly string[]> {
  const entries = await createConntrack(lab.exec(cpe)).list();
  return entries.map(({ protocol, original: { source, destination } }) =>
    [cpe, protocol, source.address, source.port, destination.address, destination.port].join(" "),
  );
}

function mbps({ bytes, ms }: Measured): number {
  return Math.round((bytes * 8) / ms / 100) / 10;
}
