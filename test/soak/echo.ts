import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../src/base/errors.ts";
import type { Listener, Sockets } from "../../src/linux/sockets.ts";
import type { Ask } from "../e2e/http.ts";
import type { Tally } from "./tally.ts";

const ECHO_PORT = 7;
const CONNECT_MS = 10_000;
/** As people type. */
const KEYSTROKE_MS = 150;
/** After the last fault, everything typed is to be answered in this time (ms). */
const ANSWER_MS = 60_000;

/** Says everything back, as RFC 862 has it. */
export function startEcho(sockets: Sockets, address: string): Promise<Listener> {
  return sockets.listen({ transport: "tcp", local: { address, port: ECHO_PORT } }, ({ stream }) => {
    stream.on("error", () => undefined).pipe(stream);
  });
}

/** Somebody at a terminal: one line after the other, all on one connection, each to be answered in order. */
export async function echoSession(ask: Ask, who: string, tally: Tally, signal: AbortSignal): Promise<void> {
  const { stream } = await ask.from.dial({
    transport: "tcp",
    remote: { address: ask.to, port: ECHO_PORT },
    timeoutMs: CONNECT_MS,
  });
  let [said, heard] = ["", ""];
  const closed = new AbortController();
  stream.on("data", (bytes: Buffer) => {
    heard += bytes.toString();
    if (!said.startsWith(heard)) tally.wrong.push(`${who}: ${bytes.toString()} at ${heard.length}`);
  });
  stream.on("error", (error) => tally.cut.push(`${who} after ${heard.length} bytes: ${messageOf(error)}`));
  stream.once("close", () => closed.abort());
  for (let line = 0; !signal.aborted && !closed.signal.aborted; line++) {
    const text = `${who}, line ${line}\n`;
    said += text;
    stream.write(text);
    await sleep(KEYSTROKE_MS);
  }
  if (closed.signal.aborted) return;
  stream.end();
  await once(stream, "end", { signal: AbortSignal.timeout(ANSWER_MS) }).catch((error: unknown) =>
    tally.cut.push(`${who} hangs after ${heard.length} of ${said.length} bytes: ${messageOf(error)}`),
  );
  if (heard.length === said.length) tally.done++;
  tally.bytes += heard.length;
  stream.destroy();
}
