/** The key that stands for a password at sign-in: derived here, so that the password stays here. */

import { SERVICE } from "./http";
import { Problem } from "./problem";

/** Parameters of Argon2id, as `POST /auth/prelogin` gives them: `m` in KiB, `len` in bytes. */
export interface Kdf {
  readonly alg: string;
  readonly m: number;
  readonly t: number;
  readonly p: number;
  readonly len: number;
}

/** What the worker is given. */
export interface Job {
  readonly password: string;
  readonly salt: Uint8Array;
  readonly kdf: Kdf;
}

/** What the worker says: the key, or why there is none. */
export type Answer = { readonly key: Uint8Array } | { readonly error: string };

/** The weakest parameters that are derived with (OWASP), and the costliest. */
const FLOOR = { m: 19_456, t: 2, p: 1 };
const CEILING = { m: 1_048_576, t: 32, p: 64 };
const KEY_BYTES = 32;
const SALT_BYTES = 16;

/** A worker that has not answered by then is given up. */
const PATIENCE_MS = 60_000;

interface Policy {
  createScriptURL(url: string): string;
}

interface PolicyFactory {
  createPolicy(name: string, rules: Policy): Policy;
}

let policy: Policy | undefined;

/**
 * The client key of `password`: 32 bytes, as base64url without padding.
 *
 * Returns null where this browser has no worker or no WebAssembly. Throws a `Problem`,
 * `kdf.refused`, for parameters that would make the password easy to guess, or this page hang.
 */
export async function clientKey(password: string, salt: string, kdf: Kdf): Promise<string | null> {
  const job = { password, salt: decoded(salt), kdf };
  if (!acceptable(job)) {
    const title = "The server asked for a weaker protection of the password than is accepted.";
    throw new Problem("kdf.refused", 0, title);
  }
  const key = await inWorker(job).catch(() => null);
  return key && encoded(key);
}

function acceptable({ salt, kdf }: Job): boolean {
  const within = (["m", "t", "p"] as const).every(
    (name) => Number.isInteger(kdf[name]) && FLOOR[name] <= kdf[name] && kdf[name] <= CEILING[name],
  );
  return within && kdf.alg === "argon2id" && kdf.len === KEY_BYTES && salt.length === SALT_BYTES;
}

async function inWorker(job: Job): Promise<Uint8Array> {
  const worker = new Worker(address(), { type: "module", name: "ringfence" });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const answered = new Promise<Uint8Array>((resolve, reject) => {
    timer = setTimeout(() => reject(new Error("The worker is silent.")), PATIENCE_MS);
    worker.addEventListener("error", () => reject(new Error("The worker does not run.")));
    worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
      if ("key" in data) resolve(data.key);
      else reject(new Error(data.error));
    });
  });
  worker.postMessage(job);
  return answered.finally(() => {
    clearTimeout(timer);
    worker.terminate();
  });
}

/** The worker's address, vouched for where the page enforces Trusted Types. It is the only one. */
function address(): string {
  const url = new URL("static/derive.js", SERVICE).href;
  const { trustedTypes } = globalThis as { trustedTypes?: PolicyFactory };
  if (trustedTypes === undefined) return url;
  policy ??= trustedTypes.createPolicy("ringfence", { createScriptURL: () => url });
  return policy.createScriptURL(url);
}

function decoded(text: string): Uint8Array {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

function encoded(data: Uint8Array): string {
  const base64 = btoa(String.fromCharCode(...data));
  return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
