import { expect, test } from "vitest";
import { DEFAULT_MPTCP } from "../netplan/model.ts";
import { refuseUnknownMptcp } from "./mptcpoffer.ts";

const kernel = (settings: Record<string, string>) => ({ get: (key: string) => settings[key] });
const NEW = kernel({
  "net/mptcp/scheduler": "default",
  "net/mptcp/available_schedulers": "default bpf_red",
  "net/ipv4/tcp_congestion_control": "bbr",
  "net/ipv4/tcp_available_congestion_control": "reno bbr",
});

test("what the kernel has is taken, and so is nothing at all", () => {
  expect(() => refuseUnknownMptcp(DEFAULT_MPTCP, kernel({}))).not.toThrow();
  const wanted = { ...DEFAULT_MPTCP, scheduler: "bpf_red", congestionControl: "reno" };
  expect(() => refuseUnknownMptcp(wanted, NEW)).not.toThrow();
});

test("what it has not is refused, with what there is", () => {
  const refused = (wanted: object, on = NEW) => {
    try {
      refuseUnknownMptcp({ ...DEFAULT_MPTCP, ...wanted }, on);
    } catch (error) {
      return error;
    }
    return undefined;
  };
  expect(refused({ congestionControl: "cubic" })).toMatchObject({
    code: "mptcp-not-here",
    message: 'mptcp.congestionControl: this kernel has no "cubic"',
    remedy: "choose reno or bbr, or load the kernel module that brings it",
  });
  expect(refused({ scheduler: "default" }, kernel({}))).toMatchObject({
    message: expect.stringContaining("it needs Linux 6.6"),
  });
});
