import { randomInt } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import { parseEndpoint } from "../base/endpoint.ts";
import { SennitError } from "../base/errors.ts";
import type { Datagrams } from "../linux/datagrams.ts";
import type { Echo } from "../linux/echo.ts";
import type { Sockets } from "../linux/sockets.ts";

export type CheckKind = "icmp" | "tcp" | "dns";

export interface Question {
  readonly kind: CheckKind;
  /** An address; for tcp ADDRESS:PORT. */
  readonly target: string;
  /** The WAN's, of the target's family. */
  readonly localAddress: string;
  readonly device: string;
  readonly timeoutMs: number;
}

/** Whether the target answers over that WAN; undefined where it could not be asked, by a fault of ours. Never rejects. */
export type AskTarget = (question: Question) => Promise<boolean | undefined>;

export interface ExternalCheckDeps {
  readonly echo: Echo;
  readonly sockets: Pick<Sockets, "dial">;
  readonly datagrams: Datagrams;
  readonly clock: Clock;
}

const DNS_PORT = 53;

/** Asks by the sockets of this host, bound to the WAN's device and address: its policy routing is what others go by, too. */
export function externalCheck(deps: ExternalCheckDeps): AskTarget {
  const ways = { icmp: askEcho, tcp: askTcp, dns: askDns } as const;
  return async (question) => {
    try {
      return await ways[question.kind](deps, question);
    } catch (error) {
      // Refused, reset, no route: the network has spoken. No right to ask, no such device: nobody has.
      return error instanceof SennitError && error.causeClass === "network" ? false : undefined;
    }
  };
}

const askEcho = ({ echo }: ExternalCheckDeps, { target, ...where }: Question): Promise<boolean> =>
  echo({ address: target, ...where });

async function askTcp(
  { sockets }: ExternalCheckDeps,
  { target, localAddress, device, timeoutMs }: Question,
): Promise<boolean> {
  const { host: address, port } = parseEndpoint(target);
  const remote = { address, port };
  const connection = await sockets.dial({ transport: "tcp", remote, localAddress, device, timeoutMs });
  connection.reset();
  return true;
}

/** Any answer to the question is one, also a refusal: who gave it is beyond the gateway, or stands for who is. */
function askDns(
  { datagrams, clock }: ExternalCheckDeps,
  { target, localAddress, device, timeoutMs }: Question,
): Promise<boolean> {
  const query = rootQuery(randomInt(0x1_0000));
  return new Promise((resolve) => {
    const settle = (answered: boolean): void => {
      cancel();
      socket.close();
      resolve(answered);
    };
    const socket = datagrams.open({
      local: { address: localAddress, port: 0 },
      device,
      onDatagram: (bytes, { address, port }) => {
        if (address === target && port === DNS_PORT && isAnswerTo(query, bytes)) settle(true);
      },
    });
    const cancel = clock.after(timeoutMs, () => settle(false));
    socket.send(query, { address: target, port: DNS_PORT });
  });
}

/** RFC 1035, sections 4.1.1 and 4.1.2: for the name servers of the root, which every resolver knows. */
function rootQuery(id: number): Buffer {
  const [recursionDesired, nameServers, internet] = [0x0100, 2, 1];
  const query = Buffer.alloc(17);
  for (const [at, value] of [
    [0, id],
    [2, recursionDesired],
    [4, 1],
    [13, nameServers],
    [15, internet],
  ] as const)
    query.writeUInt16BE(value, at);
  return query;
}

/** The same number, and marked as an answer. */
const isAnswerTo = (query: Buffer, bytes: Buffer): boolean =>
  bytes.length >= 12 && bytes.readUInt16BE(0) === query.readUInt16BE(0) && ((bytes[2] ?? 0) & 0x80) !== 0;
