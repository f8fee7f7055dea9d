/** Text for the kernel's tools, line by line. */
export const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");

/** An nft table in the place of the one before, or none: adding before deleting, as deleting what is not there fails. */
export function tableText(family: string, name: string, wanted: boolean, body: readonly string[]): string {
  const clear = [`add table ${family} ${name}`, `delete table ${family} ${name}`];
  return text(wanted ? [...clear, `table ${family} ${name} {`, ...body, "}"] : clear);
}
