import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { createServer, type Server } from "node:tls";

/** A mail server as far as submitting one mail at a time over TLS goes (RFC 5321, RFC 4954). */
export class MailServer {
  /** What was handed in, headers and all. */
  readonly mails: string[] = [];
  /** "user:password" of every client. */
  readonly logins: string[] = [];
  /** How it answers to the end of a mail. */
  verdict = "250 taken";
  readonly #server: Server;

  constructor(key: string, cert: string) {
    this.#server = createServer({ key, cert }, (socket) => {
      let mail: string[] | undefined;
      const say = (line: string): void => void socket.write(`${line}\r\n`);
      socket.on("error", () => undefined);
      createInterface(socket).on("line", (line) => {
        if (mail !== undefined && line !== ".") {
          mail.push(line);
          return;
        }
        if (mail !== undefined) {
          if (this.verdict.startsWith("2")) this.mails.push(mail.join("\n"));
          mail = undefined;
          say(this.verdict);
          return;
        }
        const [verb = "", , credentials = ""] = line.split(" ");
        if (verb === "EHLO") say("250-localhost\r\n250 AUTH PLAIN");
        else if (verb === "AUTH") {
          const [, user, password] = Buffer.from(credentials, "base64").toString().split("\0");
          this.logins.push(`${user}:${password}`);
          say("235 welcome");
        } else if (verb === "DATA") {
          mail = [];
          say("354 go on");
        } else if (verb === "QUIT") {
          say("221 bye");
          socket.end();
        } else say("250 ok");
      });
      say("220 localhost ESMTP");
    });
  }

  /** The port that it listens on, on loopback. */
  listen(): Promise<number> {
    return new Promise((resolve) => {
      this.#server.listen(0, "localhost", () => resolve((this.#server.address() as AddressInfo).port));
    });
  }

  close(): void {
    this.#server.close();
  }
}
