// The x509 library wants it before itself.
import "reflect-metadata";
import { BasicConstraintsExtension, X509CertificateGenerator } from "@peculiar/x509";
import { createPrivateKey, webcrypto } from "node:crypto";
import { pem, type ServerIdentity } from "./identity.ts";

/** P-256: every TLS 1.3 stack has it, and it signs a handshake in a tenth of a millisecond. */
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
/** Dates are ignored by routers (boards without a clock start in 1970): the pin is what counts. */
const [NOT_BEFORE, NOT_AFTER] = [new Date("1970-01-01T00:00:00Z"), new Date("9999-12-31T23:59:59Z")];

/** A new server key with a certificate that it signed itself. Apart from the rest, for its library takes a while to load. */
export async function createServerIdentity(): Promise<ServerIdentity> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: "01",
    name: "CN=sennit",
    notBefore: NOT_BEFORE,
    notAfter: NOT_AFTER,
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [new BasicConstraintsExtension(false, undefined, true)],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  return { keyPem: pem(key), certificatePem: certificate.toString("pem") };
}
