import koffi from "koffi";

/** Contexts and ciphers of OpenSSL are addresses; 0 is NULL. */
type Address = number;
type Bytes = Uint8Array | null;
type Init = (context: Address, cipher: Address, engine: Address, key: Bytes, iv: Bytes) => number;
type Update = (
  context: Address,
  out: Bytes,
  outLength: Uint8Array,
  bytes: Uint8Array,
  length: number,
) => number;
type Finish = (context: Address, out: Uint8Array, outLength: Uint8Array) => number;

/** What we call of OpenSSL's EVP interface (openssl/evp.h). */
export interface Evp {
  readonly version: (what: number) => string;
  readonly create: () => Address;
  readonly free: (context: Address) => void;
  readonly control: (context: Address, command: number, argument: number, bytes: Uint8Array) => number;
  readonly encryptInit: Init;
  readonly encryptUpdate: Update;
  readonly encryptFinish: Finish;
  readonly decryptInit: Init;
  readonly decryptUpdate: Update;
  readonly decryptFinish: Finish;
  readonly aes128Gcm: () => Address;
  readonly aes256Gcm: () => Address;
  readonly chacha20Poly1305: () => Address;
}

const INIT = "(uintptr_t, uintptr_t, uintptr_t, const void *, const void *)";
const UPDATE = "(uintptr_t, void *, void *, const void *, int)";
const FINISH = "(uintptr_t, void *, void *)";
const PROTOTYPES: Readonly<Record<keyof Evp, string>> = {
  version: "const char *OpenSSL_version(int)",
  create: "uintptr_t EVP_CIPHER_CTX_new()",
  free: "void EVP_CIPHER_CTX_free(uintptr_t)",
  control: "int EVP_CIPHER_CTX_ctrl(uintptr_t, int, int, void *)",
  encryptInit: `int EVP_EncryptInit_ex${INIT}`,
  encryptUpdate: `int EVP_EncryptUpdate${UPDATE}`,
  encryptFinish: `int EVP_EncryptFinal_ex${FINISH}`,
  decryptInit: `int EVP_DecryptInit_ex${INIT}`,
  decryptUpdate: `int EVP_DecryptUpdate${UPDATE}`,
  decryptFinish: `int EVP_DecryptFinal_ex${FINISH}`,
  aes128Gcm: "uintptr_t EVP_aes_128_gcm()",
  aes256Gcm: "uintptr_t EVP_aes_256_gcm()",
  chacha20Poly1305: "uintptr_t EVP_chacha20_poly1305()",
};

let loaded: Evp | Error | undefined;

/** The OpenSSL inside this Node, called directly; or why it can't be. A build of Node may keep its symbols to itself. */
export function embeddedOpenssl(): Evp | Error {
  loaded ??= load();
  return loaded;
}

function load(): Evp | Error {
  try {
    // null is the program itself, that is: node.
    const node = koffi.load(null);
    const functions = Object.entries(PROTOTYPES).map(([name, prototype]) => [name, node.func(prototype)]);
    return Object.fromEntries(functions);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
