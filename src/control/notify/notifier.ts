import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { NotifyConfig } from "../../config/router/notify.ts";
import type { Exec } from "../../linux/exec.ts";
import type { RouterEvent } from "../events.ts";
import { Allowance } from "./allowance.ts";
import { Courier } from "./courier.ts";
import { hookSink } from "./hook.ts";
import { mailSink } from "./mail.ts";
import { type Filter, passes, type Sink } from "./sink.ts";
import { webhookSink } from "./webhook.ts";

export interface NotifierDeps {
  readonly config: NotifyConfig;
  readonly exec: Exec;
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  readonly log: Log;
}

interface Recipient {
  readonly filter: Filter;
  readonly allowance: Allowance;
  readonly courier: Courier;
  cancel: (() => void) | undefined;
}

/** Tells hooks, web services and people of events. Whoever emits one waits for nothing: all work is done afterwards. */
export class Notifier {
  readonly #deps: NotifierDeps;
  readonly #recipients: readonly Recipient[];

  constructor(deps: NotifierDeps) {
    const { config, exec, clock, log } = deps;
    this.#deps = deps;
    const recipient = (filter: Filter, sink: Sink): Recipient => ({
      filter,
      allowance: new Allowance(config.most, config.period),
      courier: new Courier({ sink, clock, log }),
      cancel: undefined,
    });
    this.#recipients = [
      ...config.hooks.map((hook) => recipient(hook, hookSink(hook, exec))),
      ...config.webhooks.map((webhook) => recipient(webhook, webhookSink(webhook))),
      ...(config.mail === undefined ? [] : [recipient(config.mail, mailSink(config.mail))]),
    ];
  }

  /** Tells everybody whom the event concerns, soon. */
  readonly take = (event: RouterEvent): void => {
    for (const recipient of this.#recipients)
      if (passes(recipient.filter, event)) this.#admit(recipient, event);
  };

  stop(): void {
    for (const { courier, cancel } of this.#recipients) {
      cancel?.();
      courier.stop();
    }
  }

  /** Who could not be told, and why. */
  get troubles(): readonly { readonly name: string; readonly why: string }[] {
    return this.#recipients.flatMap(({ courier: { name, trouble } }) =>
      trouble === undefined ? [] : [{ name, why: trouble }],
    );
  }

  #admit(recipient: Recipient, event: RouterEvent): void {
    const { clock } = this.#deps;
    this.#sumUp(recipient);
    if (recipient.allowance.admits(event, clock.now())) recipient.courier.take(event);
    const { endsAt } = recipient.allowance;
    if (endsAt === undefined) return;
    recipient.cancel ??= clock.after(endsAt - clock.now(), () => this.#sumUp(recipient));
  }

  /** Tells what was held back in a period that is over. */
  #sumUp(recipient: Recipient): void {
    const { clock, wallClock } = this.#deps;
    const { allowance, courier } = recipient;
    if (allowance.endsAt === undefined || clock.now() < allowance.endsAt) return;
    recipient.cancel?.();
    recipient.cancel = undefined;
    const summary = allowance.summary(clock.now(), wallClock());
    if (summary !== undefined) courier.take(summary);
  }
}
