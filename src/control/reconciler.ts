import { isDeepStrictEqual } from "node:util";
import { messageOf, SennitError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { IpRoute } from "../linux/iproute.ts";
import type { Nft } from "../linux/nft.ts";
import type { Sysctl } from "../linux/sysctl.ts";
import { sameValue } from "../linux/sysctlvalue.ts";
import { diff, sameText, type ActualState, type Step } from "../netplan/diff.ts";
import { NOTHING, type DesiredState } from "../netplan/model.ts";
import { showStep } from "../netplan/show.ts";
import type { Journal, JournalRecord, Notes } from "./journal.ts";

export interface ReconcilerDeps {
  readonly nft: Nft;
  readonly ip: IpRoute;
  readonly sysctl: Sysctl;
  readonly journal: Journal;
  readonly log: Log;
}

/** What came of it. No errors means that the kernel holds what was desired. */
export interface Outcome {
  readonly done: readonly Step[];
  readonly errors: readonly SennitError[];
  /** Wished-for settings that this kernel or namespace does not have: not ours to make. */
  readonly absent: readonly string[];
}

/** What would be done, and what is known before it is. */
export interface Preview {
  readonly steps: readonly Step[];
  readonly errors: readonly SennitError[];
  readonly absent: readonly string[];
  /** Our nftables table as it is now. */
  readonly table: string | undefined;
}

/**
 * Brings the kernel to a desired state, and back. Reads what is there every time and remembers nothing that is needed:
 * whoever changed the kernel meanwhile, and whenever we were killed, the next run ends in the same state.
 */
export class Reconciler {
  readonly #deps: ReconcilerDeps;
  #last: Promise<unknown> = Promise.resolve();
  /** How nft printed a text of ours: a newer nft may spell it differently, which is no reason to load it again. */
  #printed: { readonly text: string; readonly as: string } | undefined;

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps;
  }

  /** Makes the kernel hold `desired` and nothing else of ours. Never rejects; one run at a time. */
  apply(desired: DesiredState): Promise<Outcome> {
    return this.#inTurn(() => this.#apply(desired));
  }

  /** What `apply` would do now. Changes nothing, and never rejects. */
  preview(desired: DesiredState): Promise<Preview> {
    return this.#inTurn(async () => {
      const errors: SennitError[] = [];
      const record = this.#attempt(errors, () => this.#deps.journal.read());
      const actual = await this.#read(desired, record, errors);
      const restoring = this.#restoration(desired, actual, record, errors);
      const steps = [...diff(desired, actual), ...restoring];
      return { steps, errors, absent: absentKeys(desired, actual), table: actual.nft?.table };
    });
  }

  /** Takes away all that is ours and puts back what we changed. Needs nothing but kernel and journal. */
  clean(): Promise<Outcome> {
    return this.#inTurn(async () => {
      const outcome = await this.#apply(NOTHING);
      if (outcome.errors.length === 0) this.#deps.journal.remove();
      return outcome;
    });
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#last.then(run);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #apply(desired: DesiredState): Promise<Outcome> {
    const errors: SennitError[] = [];
    const { journal } = this.#deps;
    const record = this.#attempt(errors, () => journal.read());
    const actual = await this.#read(desired, record, errors);
    const steps = diff(desired, actual);
    const noted = this.#attempt(errors, () => {
      if (record !== undefined) journal.note(notesOf(steps));
      return record !== undefined;
    });
    // What could not be noted could not be put back either: those steps are not made.
    const possible = noted === true ? steps : steps.filter((step) => !needsJournal(step));
    const restoring = this.#restoration(desired, actual, record, errors);
    const done = await this.#run([...possible, ...restoring], errors);
    return { done, errors, absent: absentKeys(desired, actual) };
  }

  async #read(
    desired: DesiredState,
    record: JournalRecord | undefined,
    errors: SennitError[],
  ): Promise<ActualState> {
    const { nft, ip, sysctl } = this.#deps;
    const part = async <T>(read: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await read();
      } catch (error) {
        errors.push(asSennitError(error));
        return undefined;
      }
    };
    const sysctls = new Map<string, string | undefined>();
    for (const { key } of desired.sysctls) this.#attempt(errors, () => sysctls.set(key, sysctl.get(key)));
    const [table, links, rules, routes, mptcpLimits] = await Promise.all([
      part(async () => ({ table: this.#canonical(await nft.table()) })),
      part(() => ip.links()),
      part(() => ip.rules()),
      part(() => ip.routes()),
      part(async () => (desired.mptcpLimits ?? record?.limits) && ip.limits()),
    ]);
    return { nft: table, links, rules, routes, mptcpLimits, sysctls };
  }

  /** The table's text in our own spelling where it is known to be the same. */
  #canonical(printed: string | undefined): string | undefined {
    const known = this.#printed;
    return known !== undefined && sameText(known.as, printed) ? known.text : printed;
  }

  /** Runs the steps in their order, neighbours for `ip` together. Returns those that succeeded. */
  async #run(steps: readonly Step[], errors: SennitError[]): Promise<readonly Step[]> {
    const done: Step[] = [];
    for (let at = 0; at < steps.length;) {
      const end = steps.findIndex((step, index) => index >= at && step.do !== "ip");
      const group = steps.slice(at, end === -1 ? steps.length : Math.max(end, at + 1));
      at += group.length;
      const failed = await this.#runGroup(group, errors);
      for (const step of group) {
        if (failed.has(step)) continue;
        done.push(step);
        this.#deps.log.debug({ step: showStep(step) }, "kernel state changed");
      }
    }
    return done;
  }

  async #runGroup(group: readonly Step[], errors: SennitError[]): Promise<ReadonlySet<Step>> {
    try {
      const [first] = group;
      if (first?.do === "sysctl") this.#deps.sysctl.set(first.key, first.value);
      else if (first?.do === "nft-remove") await this.#deps.nft.remove();
      else if (first?.do === "nft-replace") await this.#replaceTable(first.text);
      else return await this.#runIp(group, errors);
      return new Set();
    } catch (error) {
      errors.push(asSennitError(error));
      return new Set(group);
    }
  }

  async #replaceTable(text: string): Promise<void> {
    await this.#deps.nft.replace(text);
    const as = await this.#deps.nft.table();
    this.#printed = as === undefined ? undefined : { text, as };
  }

  async #runIp(group: readonly Step[], errors: SennitError[]): Promise<ReadonlySet<Step>> {
    const changes = group.flatMap((step) => (step.do === "ip" ? [step.change] : []));
    // Gone before we could delete it, with its device for example, is as good as deleted.
    const failures = (await this.#deps.ip.run(changes)).filter(
      ({ change, error }) =>
        change.verb !== "del" || (error.code !== "ip-missing" && error.code !== "ip-no-device"),
    );
    errors.push(...failures.map(({ error }) => error));
    return new Set(
      group.filter((step) => step.do === "ip" && failures.some(({ change }) => change === step.change)),
    );
  }

  /**
   * What puts back settings and limits that we changed and that are not wished for any more, the last changed first. A
   * device's settings may be gone with it.
   */
  #restoration(
    desired: DesiredState,
    actual: ActualState,
    record: JournalRecord | undefined,
    errors: SennitError[],
  ): readonly Step[] {
    const wished = new Set(desired.sysctls.map(({ key }) => key));
    const steps = (record?.sysctls ?? []).toReversed().flatMap(({ key, before }): readonly Step[] => {
      const now = wished.has(key) ? before : this.#attempt(errors, () => this.#deps.sysctl.get(key));
      return now === undefined || sameValue(now, before)
        ? []
        : [{ do: "sysctl", key, before: now, value: before }];
    });
    const [limits, now] = [record?.limits, actual.mptcpLimits];
    if (desired.mptcpLimits === undefined && limits && now && !isDeepStrictEqual(limits, now))
      steps.unshift({ do: "ip", change: { object: "limits", verb: "set", value: limits } });
    return steps;
  }

  #attempt<T>(errors: SennitError[], what: () => T): T | undefined {
    try {
      return what();
    } catch (error) {
      errors.push(asSennitError(error));
      return undefined;
    }
  }
}

const absentKeys = (desired: DesiredState, actual: ActualState): readonly string[] =>
  desired.sysctls.map(({ key }) => key).filter((key) => actual.sysctls.get(key) === undefined);

const needsJournal = (step: Step): boolean =>
  step.do === "sysctl" || (step.do === "ip" && step.change.object === "limits");

function notesOf(steps: readonly Step[]): Notes {
  const limits = steps.find((step) => step.do === "ip" && step.before !== undefined);
  return {
    sysctls: steps.flatMap((step) => (step.do === "sysctl" ? [{ key: step.key, before: step.before }] : [])),
    limits: limits?.do === "ip" ? limits.before : undefined,
  };
}

const asSennitError = (error: unknown): SennitError =>
  error instanceof SennitError
    ? error
    : new SennitError("bug", "reconcile-failed", messageOf(error), { cause: error });
