import { describe, expect, it } from "vitest";
import { SennitError } from "../base/errors.ts";
import { createConntrack, parseConntrack } from "./conntrack.ts";
import type { Exec } from "./exec.ts";

const TCP =
  "ipv4     2 tcp      6 431999 ESTABLISHED src=10.0.0.2 dst=192.0.2.1 sport=50000 dport=443 src=192.0.2.1 dst=203.0.113.5 sport=443 dport=50000 [ASSURED] mark=0 use=1";
const PING =
  "ipv6     10 icmpv6   58 29 src=fd00::2 dst=2001:db8::1 type=128 code=0 id=7 [UNREPLIED] src=2001:db8::1 dst=fd00::2 type=129 code=0 id=7 mark=0 zone=3 use=1";

/** Answers with `output`, and keeps what was run. */
function scripted(output: Partial<Awaited<ReturnType<Exec>>>): { exec: Exec; ran: string[] } {
  const ran: string[] = [];
  return {
    ran,
    exec: async (argv) => {
      ran.push(argv.join(" "));
      return { stdout: "", stderr: "", status: 0, ...output };
    },
  };
}

describe("conntrack", () => {
  it("reads a translated TCP connection", () => {
    expect(parseConntrack(`${TCP}\n`)).toEqual([
      {
        family: "ipv4",
        protocol: "tcp",
        expiresS: 431_999,
        state: "ESTABLISHED",
        original: {
          source: { address: "10.0.0.2", port: 50_000 },
          destination: { address: "192.0.2.1", port: 443 },
        },
        reply: {
          source: { address: "192.0.2.1", port: 443 },
          destination: { address: "203.0.113.5", port: 50_000 },
        },
        zone: 0,
      },
    ]);
  });

  it("reads an unanswered ping in a zone", () => {
    const source = { address: "fd00::2", port: 0 };
    expect(parseConntrack(PING)).toMatchObject([
      { family: "ipv6", protocol: "icmpv6", state: undefined, zone: 3, original: { source } },
    ]);
  });

  it.each([
    "tcp 6 src=1.2.3.4",
    TCP.replace("10.0.0.2", "10.0.0.256"),
    TCP.replace("sport=443", "sport=65536"),
    TCP.replace(" src=192.0.2.1", ""),
    `${TCP} src=1.1.1.1`,
  ])("does not guess at %s", (line) => {
    expect(() => parseConntrack(line)).toThrow(SennitError);
  });

  it("counts, and refuses a count that is none", async () => {
    expect(await createConntrack(scripted({ stdout: "17\n" }).exec).count()).toBe(17);
    await expect(createConntrack(scripted({ stdout: "many\n" }).exec).count()).rejects.toThrow("many");
  });

  it("deletes an address wherever it stands, of its family", async () => {
    const { exec, ran } = scripted({ stderr: "conntrack v1.4.7: 2 flow entries have been deleted.\n" });
    expect(await createConntrack(exec).deleteAddress("fd00::2")).toBe(8);
    expect(ran).toHaveLength(4);
    expect(ran[3]).toBe("conntrack -D -f ipv6 --reply-dst fd00::2");
  });

  it("deletes what was masqueraded, and nothing else", async () => {
    const { exec, ran } = scripted({ stderr: "conntrack v1.4.7: 3 flow entries have been deleted.\n" });
    expect(await createConntrack(exec).deleteMasqueraded("192.0.2.1")).toBe(3);
    expect(ran).toEqual(["conntrack -D -f ipv4 --src-nat 192.0.2.1"]);
  });

  it("lists one zone when asked", async () => {
    const { exec, ran } = scripted({});
    expect(await createConntrack(exec).list({ zone: 3 })).toEqual([]);
    expect(ran).toEqual(["conntrack -L -o extended --zone 3"]);
  });
});
