/** A defect put into the source on purpose: the model must find it. */
export interface Mutant {
  /** What is wrong then. */
  readonly name: string;
  readonly file: string;
  /** Text that stands exactly once in the file, and what takes its place. */
  readonly find: string;
  readonly replace: string;
}

const SEND = "src/relay/sendbuffer.ts";
const RECEIVE = "src/relay/receivebuffer.ts";
const FLOW = "src/relay/flow.ts";
const SESSION = "src/relay/session.ts";
const LANES = "src/relay/lanes.ts";
const CARRIER = "src/relay/carrier.ts";
const RECEIPTS = "src/relay/receipts.ts";
const INSISTENCE = "src/relay/insistence.ts";
const INBOX = "src/relay/inbox.ts";

export const MUTANTS: readonly Mutant[] = [
  // What is kept until it is acknowledged.
  {
    name: "an ACK is trusted twice",
    file: SEND,
    find: "this.#base = offset;",
    replace: "this.#base = Math.min(this.#next, 2 * offset - this.#base);",
  },
  {
    name: "a late ACK takes back what was allowed",
    file: SEND,
    find: "this.#limit = Math.max(this.#limit, offset + window);",
    replace: "this.#limit = offset + window;",
  },
  {
    name: "the peer's window is ignored",
    file: SEND,
    find: "Math.min(this.#end, this.#limit, this.#base + this.keep)",
    replace: "Math.min(this.#end, this.#base + this.keep)",
  },
  {
    name: "it is said again from the start of a block, not from the byte",
    file: SEND,
    find: "this.#cursorByte = this.#base - this.#headOffset;",
    replace: "this.#cursorByte = 0;",
  },
  {
    name: "bytes that arrived after all are said again as others",
    file: SEND,
    find: "if (offset > this.#next) this.#toBase();",
    replace: "this.#next = Math.max(this.#next, offset);",
  },
  // What comes twice, overlaps or comes early.
  {
    name: "an overlap is written twice",
    file: RECEIVE,
    find: "deliver(bytes.subarray(this.#next - offset));",
    replace: "deliver(bytes);",
  },
  {
    name: "early bytes are dropped",
    file: RECEIVE,
    find: "this.#hold({ offset, bytes });",
    replace: "",
  },
  {
    name: "early bytes that overlap what came meanwhile are written whole",
    file: RECEIVE,
    find: "deliver(held.bytes.subarray(this.#next - held.offset));",
    replace: "deliver(held.bytes);",
  },
  {
    name: "what came before the target was there is not kept",
    file: INBOX,
    find: "if (this.#pieces.length > 0) this.#pieces = [Buffer.concat(this.#pieces)];",
    replace: "",
  },
  // What a flow says again where its carrier is lost.
  {
    name: "bytes on a lost carrier are not said again",
    file: FLOW,
    find: "this.#send.rewind();",
    replace: "",
  },
  {
    name: "FIN on a lost carrier is not said again",
    file: FLOW,
    find: "this.#finLost = this.#finSaid && !this.#finAcked;",
    replace: "",
  },
  {
    name: "OPEN and OPENED on a lost carrier are not said again",
    file: FLOW,
    find: "this.#greetingDue ||= this.#opener ? !this.#open : this.#open;",
    replace: "",
  },
  {
    name: "ACK on a lost carrier is not said again",
    file: FLOW,
    find: "this.#ackDue = this.#open;",
    replace: "",
  },
  {
    name: "only an answer opens a flow, not what is heard of it",
    file: FLOW,
    find: "this.#open ||= this.#opener;\n    this.#receive.fin(offset);",
    replace: "this.#receive.fin(offset);",
  },
  {
    name: "bytes are acknowledged before the application has taken them",
    file: FLOW,
    find: "return this.#receive.next - this.#undelivered;",
    replace: "return this.#receive.next;",
  },
  {
    name: "a flow is over before its own FIN is acknowledged",
    file: FLOW,
    find: "if (!this.#finAcked || !this.#finAckSent) return;",
    replace: "if (!this.#finAckSent) return;",
  },
  // What a session does where a carrier is lost.
  {
    name: "flows stay where their carrier was lost",
    file: SESSION,
    find: "this.counts.moved += this.#lanes.lost(carrier);",
    replace: "",
  },
  {
    name: "what was said on a lost carrier without a receipt is forgotten",
    file: SESSION,
    find: "this.#receipts.lost(carrier);",
    replace: "",
  },
  {
    name: "LOST is ignored",
    file: SESSION,
    find: "this.#onLost(frame.carrier);",
    replace: "",
  },
  {
    name: "the last word of an ended flow is forgotten",
    file: SESSION,
    find: "if (lastWord === undefined) return;",
    replace: "return;",
  },
  {
    name: "OPEN that comes again opens twice",
    file: SESSION,
    find: "if (this.#flows.has(id) || this.#ids.hasEnded(id)) return;",
    replace: "if (this.#ids.hasEnded(id)) return;",
  },
  {
    name: "OPEN that comes again after the end opens anew",
    file: SESSION,
    find: "if (this.#flows.has(id) || this.#ids.hasEnded(id)) return;",
    replace: "if (this.#flows.has(id)) return;",
  },
  {
    name: "OPEN that comes after its RESET opens",
    file: SESSION,
    find: "this.#ids.ended(frame.flow);",
    replace: "void frame;",
  },
  {
    name: "a peer that has started anew is taken for the old one",
    file: SESSION,
    find: "if (before === undefined || before.equals(instance)) return;",
    replace: "return;",
  },
  {
    name: "a peer that is met anew is not told which flows are over",
    file: SESSION,
    find: "flow.reset(ResetReason.UNKNOWN_FLOW);\n    }",
    replace: "flow.onReset();\n    }",
  },
  {
    name: "a flow that was given up is not told of when the peer comes back",
    file: SESSION,
    find: "for (const flow of this.#flows.values()) flow.reset(ResetReason.EXPIRED);",
    replace: "for (const flow of this.#flows.values()) flow.onReset();",
  },
  // Who speaks where, and what is known to be heard.
  {
    name: "flows that wait for a carrier are not told of it",
    file: LANES,
    find: "for (const flow of waiting) flow.ride(this.find(flow));",
    replace: "",
  },
  {
    name: "a flow that moved forgets what it said before",
    file: LANES,
    find: "this.#receipts.expect(from, flow, () => flow.sayAgain(from));",
    replace: "",
  },
  {
    name: "any PONG is a receipt for everything",
    file: RECEIPTS,
    find: "if (position > carrier.heardUpTo) return;",
    replace: "",
  },
  {
    name: "a PONG is a receipt for what was said after its PING",
    file: CARRIER,
    find: "this.heardUpTo = Math.max(this.heardUpTo, nonce);",
    replace: "this.heardUpTo = this.position;",
  },
  {
    name: "words that wait for a carrier are forgotten",
    file: INSISTENCE,
    find: "for (const frame of waiting) this.say(frame);",
    replace: "",
  },
  {
    name: "words are said once, heard or not",
    file: INSISTENCE,
    find: "else this.#receipts.expect(carrier, frame, () => this.say(frame));",
    replace: "",
  },
];

/** The source with the defect. Throws where the text does not stand there exactly once. */
export function mutate(source: string, { name, file, find, replace }: Mutant): string {
  const count = source.split(find).length - 1;
  if (count !== 1) throw new Error(`${file} has ${count} times, for "${name}":\n${find}`);
  return source.replace(find, () => replace);
}
