/** How a sign-in is proven: by a key that is derived from the password, not by the password. */

import { call } from "./http";
import { clientKey, type Kdf } from "./derive";
import { Problem } from "./problem";

/** What a sign-in is doing now. Deriving takes from a quarter of a second to some seconds. */
export type Step = "deriving" | "sending";

/** A key and perhaps the next one, or the password. */
interface Proof {
  readonly client_key?: string;
  readonly next_key?: string;
  readonly password?: string;
}

interface Prelogin {
  readonly kdf: Kdf;
  readonly salt: string;
  /** While the cost is being raised: what the server will ask for later. */
  readonly next?: { readonly kdf: Kdf; readonly salt: string };
}

/**
 * What proves `password`. Where the key cannot be derived (no worker, no WebAssembly) it is the
 * password itself, and the server derives the key.
 *
 * Throws a `Problem`: `kdf.refused`, and nothing is sent.
 */
export async function prove(login: string, password: string): Promise<Proof> {
  const response = await call("prelogin", { body: { login } });
  const { kdf, salt, next } = (await response.json()) as Prelogin;
  const key = await clientKey(password, salt, kdf);
  if (key === null) return { password };
  if (next === undefined) return { client_key: key };
  const nextKey = await clientKey(password, next.salt, next.kdf);
  return nextKey === null ? { password } : { client_key: key, next_key: nextKey };
}

/**
 * Sign in with `proof`; sets the cookie.
 *
 * While passwords from elsewhere are being imported, the server cannot know every key yet. It says
 * so to everybody alike, and a key that was refused is followed by the password, whoever signs in.
 */
export async function enter(login: string, password: string, proof: Proof): Promise<Response> {
  try {
    return await call("sign-in", { body: { login, ...proof } });
  } catch (error) {
    const wrong = error instanceof Problem && error.code === "credentials.invalid";
    if (!wrong || proof.password !== undefined || !(await passwordIsTried())) throw error;
    return call("sign-in", { body: { login, password } });
  }
}

async function passwordIsTried(): Promise<boolean> {
  const response = await call("config", { method: "GET" });
  const config = (await response.json()) as { password_retry?: boolean };
  return config.password_retry === true;
}
