/**
 * The slow step of a sign-in, in a thread of its own: what the password becomes before it is sent.
 *
 * It is served with a policy of its own that lets it compile WebAssembly and reach nothing. The
 * steps are the ones of `docs/clients.md`, where the vectors are too (RFC 9106, RFC 5869).
 */

import { argon2id } from "hash-wasm";
import type { Answer, Job } from "./derive";

const INFO = new TextEncoder().encode("ringfence sign-in v1");

addEventListener("message", ({ data }: MessageEvent<Job>) => {
  derive(data).then(
    (key) => answer({ key }),
    (error: unknown) => answer({ error: String(error) }),
  );
});

function answer(message: Answer): void {
  postMessage(message);
}

async function derive({ password, salt, kdf }: Job): Promise<Uint8Array> {
  const stretched = await argon2id({
    password: new TextEncoder().encode(password.normalize("NFC")),
    salt,
    memorySize: kdf.m,
    iterations: kdf.t,
    parallelism: kdf.p,
    hashLength: kdf.len,
    outputType: "binary",
  });
  const material = await crypto.subtle.importKey("raw", bytes(stretched), "HKDF", false, [
    "deriveBits",
  ]);
  const hkdf = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: INFO };
  return new Uint8Array(await crypto.subtle.deriveBits(hkdf, material, kdf.len * 8));
}

function bytes(view: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(view);
}
