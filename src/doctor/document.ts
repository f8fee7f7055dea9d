import { CHECKS } from "./examine.ts";

/** docs/findings.md: the registry as people read it. */
export function findingsDocument(): string {
  return `# What the doctor finds

<!-- Written by scripts/config-docs.ts from the registry in src/doctor/: change that, then run \`node --run docs\`. -->

\`sennit doctor\` examines the machine that it runs on, with the config file (\`-c FILE\`) and, where it runs, with what router or server say of
themselves. It changes nothing. A finding that is but the consequence of another is told behind that one; what could not be checked is told
with the reason. What the running role complains of beside these stands there as well, under the code that \`sennit status\` gives it. The exit code is 1
where anything critical or a warning was found. \`--json\` has all of it, consequences with \`hiddenBy\`.

${CHECKS.map(
  ({ code, severity, cause, remedy, consequenceOf = [] }) => `## ${code}

${severity === "info" ? "For information" : severity === "critical" ? "Critical" : "Warning"}. ${cause}

What helps: ${remedy}.
${consequenceOf.length === 0 ? "" : `\nHidden behind ${consequenceOf.map((name) => `\`${name}\``).join(", ")}.\n`}`,
).join("\n")}`;
}
