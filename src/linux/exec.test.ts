import { expect, test } from "vitest";
import { exec } from "./exec.ts";

test("has ended when the program has, though a child of its holds the pipe", async () => {
  const { stdout } = await exec(["/bin/sh", "-c", "echo said; sleep 20 & echo $!"], { timeoutMs: 10_000 });
  const [word, pid] = stdout.trim().split("\n");
  process.kill(Number(pid), "SIGKILL");
  expect(word).toBe("said");
});

test("brings all of a long output", async () => {
  const { stdout } = await exec(["/usr/bin/head", "-c", "5000000", "/dev/zero"]);
  expect(stdout).toHaveLength(5_000_000);
});

test("tells the whole command, or what it is called", async () => {
  await expect(exec(["/usr/bin/false", "a b"])).rejects.toMatchObject({
    code: "exec-failed",
    message: "/usr/bin/false 'a b': exit 1: ",
    detail: { argv: ["/usr/bin/false", "a b"] },
  });
  await expect(exec(["/usr/bin/false", "a b"], { called: "hook" })).rejects.toMatchObject({
    message: "hook: exit 1: ",
    detail: {},
  });
});

test("a program that is not there, or takes too long, has a code of its own", async () => {
  await expect(exec(["/no/such/program"])).rejects.toMatchObject({ code: "exec-missing" });
  await expect(exec(["/usr/bin/sleep", "20"], { timeoutMs: 50 })).rejects.toMatchObject({
    code: "exec-timeout",
  });
});
