import { FrameType, HEADER_BYTES } from "../../src/wire/constants.ts";
import { writeHeader } from "../../src/wire/frames.ts";

/** The header of a DATA frame whose body is to follow it. */
export function dataHeader(flow: number, offset: number, length: number): Buffer {
  const out = Buffer.alloc(HEADER_BYTES);
  writeHeader(out, 0, FrameType.DATA, 0, length, flow, offset);
  return out;
}
