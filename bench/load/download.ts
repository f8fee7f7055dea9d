import { request, type IncomingMessage } from "node:http";
import { messageOf } from "../../src/base/errors.ts";
import { Meter, type Measured } from "../../src/lab/demo/meter.ts";
import { expectedSha256 } from "../../src/lab/services/bytes.ts";

export interface DownloadOptions {
  readonly host: string;
  readonly port: number;
  readonly bytes: number;
  readonly seed: string;
  /** Hears of every piece that comes. */
  readonly onBytes: (count: number) => void;
}

/** One download from the web host, every byte checked. */
export class Download {
  /** Settles with the first byte, or with the end. */
  readonly began: Promise<void>;
  /** Settles when no more comes, for whatever reason; never rejects. */
  readonly ended: Promise<void>;
  readonly #options: DownloadOptions;
  readonly #meter: Meter;
  readonly #break: () => void;
  #stopped = false;
  #end: { readonly why: string; readonly measured: Measured } | undefined;

  constructor(options: DownloadOptions) {
    const { host, port, bytes, seed, onBytes } = options;
    this.#options = options;
    this.#meter = new Meter(bytes, seed, performance.now());
    const [began, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    this.began = began.promise;
    this.ended = ended.promise;
    const end = (why: string): void => {
      this.#end ??= { why, measured: this.#meter.result() };
      began.resolve();
      ended.resolve();
    };
    const asked = request({
      host,
      port,
      path: `/bytes/${bytes}?seed=${encodeURIComponent(seed)}`,
      agent: false,
    });
    asked.on("response", (response: IncomingMessage) => {
      response.on("data", (chunk: Buffer) => {
        this.#meter.take(chunk, performance.now());
        onBytes(chunk.length);
        began.resolve();
      });
      response.on("error", (error) => end(messageOf(error)));
      response.on("close", () => end("the connection was closed"));
    });
    asked.on("error", (error) => end(messageOf(error)));
    asked.end();
    this.#break = () => asked.destroy();
  }

  /** Breaks it off; that is no cut. */
  stop(): void {
    this.#stopped = true;
    this.#break();
  }

  get active(): boolean {
    return this.#end === undefined;
  }

  /** Every byte came. */
  get complete(): boolean {
    return this.#end?.measured.bytes === this.#options.bytes;
  }

  /** Why it ended before its last byte. */
  get cut(): string | undefined {
    if (this.#end === undefined || this.#stopped || this.complete) return undefined;
    return `${this.#end.why} after ${this.#end.measured.bytes} of ${this.#options.bytes} bytes`;
  }

  /** Of those that came, the bytes that are not what was sent; to be asked once it has ended. */
  get bytesWrong(): number {
    if (this.#end === undefined) return 0;
    const { bytes, bytesWrong } = this.#end.measured;
    return bytesWrong - Math.max(0, this.#options.bytes - bytes);
  }

  /** Whether it is complete and has the SHA-256 that it should have. */
  get hashRight(): boolean {
    const { bytes, seed } = this.#options;
    return this.complete && this.#end?.measured.sha256 === expectedSha256(bytes, seed);
  }
}
