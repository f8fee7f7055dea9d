import type { RouterEvent } from "../control/events.ts";
import type { WanIntent } from "../netplan/model.ts";

type Roles = readonly Pick<WanIntent, "name" | "role" | "roleWhy">[];

/** Sees that a WAN has come into another role, by the hour, by its quota or by what else there is. */
export class RoleWatch {
  #before: ReadonlyMap<string, WanIntent["role"]> = new Map();

  /** What is to be told of WANs that have another role than at the look before; `at` is ms since 1970. */
  look(wans: Roles, at: number): readonly RouterEvent[] {
    const before = this.#before;
    this.#before = new Map(wans.map(({ name, role }) => [name, role]));
    return wans.flatMap(({ name, role, roleWhy }) => {
      const was = before.get(name);
      if (was === undefined || was === role) return [];
      const why = roleWhy ?? `${WORDS[role]} again`;
      const text = `WAN ${name} is ${why}`;
      return [{ at, code: "wan-role", severity: "info", wan: name, text, fields: { was, is: role, why } }];
    });
  }
}

const WORDS = { active: "active", backup: "a backup", off: "off" } as const;
