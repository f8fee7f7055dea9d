import * as fc from "fast-check";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SennitError } from "../base/errors.ts";
import {
  combine,
  decodeFullInfo,
  decodeMptcpInfo,
  decodeSubflowAddrs,
  plainInfo,
  splitSubflowData,
} from "./mptcpinfo.ts";
import { decodeAnswers, decodeAttributes } from "./netlink.ts";
import { decodeSocket, encodeDestroy, encodeList } from "./sockdiagcodec.ts";
import { decodeTcpInfo } from "./tcpinfo.ts";

const dumps = JSON.parse(
  readFileSync(new URL("../../test/fixtures/mptcp-6.18.json", import.meta.url), "utf8"),
) as Readonly<Record<string, string>>;
const dump = (name: string): Buffer => Buffer.from(dumps[name] ?? "", "base64");

/** What all three ways to ask must say of the connection in the dumps. */
const THE_CONNECTION = {
  mptcp: true,
  bytesSent: 11,
  bytesReceived: 11,
  bytesRetrans: 0,
  subflows: [
    {
      local: { address: "10.1.0.1" },
      remote: { address: "10.1.0.2", port: 443 },
      state: "established",
      lossState: "open",
      bytesReceived: 11,
      lost: 0,
      rtoMs: 204,
    },
    { local: { address: "10.2.0.1" }, remote: { address: "10.1.0.2", port: 443 }, rttMs: 0.018 },
  ],
};

describe("what Linux 6.18 wrote", () => {
  it("is read from MPTCP_FULL_INFO", () => {
    const arrays = { subflows: dump("fullInfoSubflows"), tcp: dump("fullInfoTcp") };
    expect(decodeFullInfo(dump("fullInfo"), arrays)).toMatchObject(THE_CONNECTION);
  });

  it("is read from MPTCP_INFO, MPTCP_TCPINFO and MPTCP_SUBFLOW_ADDRS", () => {
    const [infos, addrs] = [dump("mptcpTcpInfo"), dump("mptcpSubflowAddrs")].map(splitSubflowData);
    expect(combine(decodeMptcpInfo(dump("mptcpInfo")), infos ?? [], addrs ?? [])).toMatchObject(
      THE_CONNECTION,
    );
  });

  it("is read without the counters that came with 6.5", () => {
    const [infos, addrs] = [dump("mptcpTcpInfo"), dump("mptcpSubflowAddrs")].map(splitSubflowData);
    const old = decodeMptcpInfo(dump("mptcpInfo").subarray(0, 48));
    expect(old.counters).toBeUndefined();
    expect(combine(old, infos ?? [], addrs ?? [])).toMatchObject(THE_CONNECTION);
  });

  it("may be longer than what we know", () => {
    const longer = Buffer.concat([dump("mptcpInfo"), Buffer.alloc(40, 0xff)]);
    expect(decodeMptcpInfo(longer)).toEqual(decodeMptcpInfo(dump("mptcpInfo")));
    const tcp = splitSubflowData(dump("mptcpTcpInfo"))[0] ?? Buffer.alloc(0);
    expect(decodeTcpInfo(Buffer.concat([tcp, Buffer.alloc(40, 0xff)]))).toEqual(decodeTcpInfo(tcp));
  });

  it("names the subflows in the answers of sock_diag", () => {
    const sockets = ["sockDiagV4", "sockDiagV6"].flatMap((name) =>
      decodeAnswers(dump(name)).payloads.map(decodeSocket),
    );
    expect(sockets.map(({ local, remote }) => `${local.address} ${remote.address}:${remote.port}`)).toEqual([
      "10.2.0.1 10.1.0.2:443",
      "10.1.0.1 10.1.0.2:443",
    ]);
    expect(sockets.map(({ subflow }) => subflow?.backup)).toEqual([true, false]);
    const { token } = decodeMptcpInfo(dump("mptcpInfo"));
    expect(sockets.map(({ subflow }) => subflow?.token)).toEqual([token, token]);
    expect(sockets.map(({ device }) => device)).toEqual([1, 0]);
  });
});

it("a connection that fell back counts as its only subflow does", () => {
  const infos = splitSubflowData(dump("mptcpTcpInfo")).slice(0, 1);
  const addrs = splitSubflowData(dump("mptcpSubflowAddrs"));
  const mptcp = { ...decodeMptcpInfo(dump("mptcpInfo")), fallback: true };
  const end = { address: "10.1.0.1", port: 1 };
  const info = combine(mptcp, infos, addrs);
  expect(info).toMatchObject({ mptcp: false, token: undefined, bytesReceived: 11 });
  expect(info.bytesAcked).toBe(plainInfo(decodeTcpInfo(infos[0] as Buffer), end, end).bytesAcked);
});

it("requests name family, protocol, ports and the socket's own id", () => {
  const list = encodeList(6, 1000, 443);
  expect(list.subarray(16, 28).toString("hex")).toBe("0a060200bf0b000003e801bb");
  expect(list.readUInt32LE(0)).toBe(list.length);
  const [socket] = decodeAnswers(dump("sockDiagV4")).payloads.map(decodeSocket);
  const destroy = encodeDestroy(socket as NonNullable<typeof socket>);
  expect(destroy.readUInt16LE(4)).toBe(21);
  expect(destroy.subarray(24, 72).equals(dump("sockDiagV4").subarray(20, 68))).toBe(true);
});

describe("bytes that no kernel writes", () => {
  const decoders: Readonly<Record<string, (bytes: Buffer) => unknown>> = {
    decodeTcpInfo,
    decodeMptcpInfo,
    decodeSubflowAddrs,
    splitSubflowData,
    decodeFullInfo: (bytes) => decodeFullInfo(bytes, { subflows: bytes, tcp: bytes }),
    decodeAnswers,
    decodeAttributes,
    decodeSocket,
  };
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 700 }).map((array) => Buffer.from(array)),
    // Nearly right: a real dump, cut and with one byte changed.
    fc
      .tuple(fc.constantFrom(...Object.keys(dumps).slice(1)), fc.nat(), fc.nat(), fc.nat(255))
      .map(([name, length, at, value]) => {
        const whole = dump(name);
        whole[at % whole.length] = value;
        return whole.subarray(0, length % (whole.length + 1));
      }),
  );

  it.each(Object.entries(decoders))("%s decodes or raises a SennitError", (_, decode) => {
    const decodes = fc.property(bytes, (input) => {
      try {
        decode(input);
      } catch (error) {
        return error instanceof SennitError;
      }
      return true;
    });
    expect(fc.check(decodes, { numRuns: 500 })).toMatchObject({ failed: false });
  });
});
