import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  X509Certificate,
  type KeyObject,
} from "node:crypto";
import { rawPublicKey } from "../wire/hello.ts";

/** What makes a server that server: its key, and a certificate that carries it into TLS. */
export interface ServerIdentity {
  readonly keyPem: string;
  readonly certificatePem: string;
}

/** SHA-256 of the certificate's public key in SPKI form: what a join token pins. 32 bytes. */
export function pinOf(certificate: string | Buffer): Buffer {
  const spki = new X509Certificate(certificate).publicKey.export({ format: "der", type: "spki" });
  return createHash("sha256").update(spki).digest();
}

/** A new router key (Ed25519), as PEM. */
export function createRouterKey(): string {
  return pem(generateKeyPairSync("ed25519").privateKey);
}

/** The router's public name: its raw public key in hexadecimal. */
export function routerId(privateKeyPem: string): string {
  return rawPublicKey(createPrivateKey(privateKeyPem)).toString("hex");
}

/** A private key as text. */
export function pem(key: KeyObject): string {
  return key.export({ format: "pem", type: "pkcs8" });
}
