import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { SennitError } from "../../base/errors.ts";
import type { Lab } from "../lab.ts";
import type { Errand, UserLine } from "./user.ts";

const PROGRAM = fileURLToPath(new URL("user-main.ts", import.meta.url));

type Result = Exclude<UserLine, { type: "progress" }>;

/** Sends a user of `host` on an errand; `onProgress` hears the bytes so far. Throws `demo-errand` when it fails. */
export async function send(
  lab: Lab,
  host: string,
  errand: Errand,
  onProgress: (bytes: number) => void = () => undefined,
): Promise<Result> {
  const argv = [process.execPath, ...process.execArgv, PROGRAM, JSON.stringify(errand)] as const;
  const child = await lab.start(host, [...argv], { stdio: ["ignore", "pipe", "pipe"] });
  let complaint = "";
  child.stderr?.on("data", (chunk) => (complaint += String(chunk)));
  let result: Result | undefined;
  if (child.stdout !== null) {
    for await (const text of createInterface({ input: child.stdout })) {
      const line = JSON.parse(text) as UserLine;
      if (line.type === "progress") onProgress(line.bytes);
      else result = line;
    }
  }
  await child.exited;
  if (result !== undefined) return result;
  throw new SennitError(
    "network",
    "demo-errand",
    `a user's ${errand.kind} failed: ${complaint.trim().slice(-2000)}`,
  );
}
