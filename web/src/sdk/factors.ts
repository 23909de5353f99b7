/** What second factors look like to a page, and how a passkey is asked for (WebAuthn). */

import { Problem } from "./problem";

/** What a sign-in asks for beside the password: a second factor, or setting one up. */
export interface NextStep {
  readonly next: "mfa" | "enrol";
  readonly ticket: string;
  readonly factors: readonly string[];
}

/** One factor, as `GET /auth/factors` lists it; `left` of recovery codes. */
export interface Factor {
  readonly id: string;
  readonly kind: "totp" | "passkey" | "recovery_codes";
  readonly name?: string;
  readonly created_at?: string;
  readonly last_used_at?: string | null;
  readonly left?: number;
}

/** A factor as it is shown. */
export type Shown = { readonly code: string } | { readonly recovery_code: string };

/** What an authenticator app needs. `qr.path` is an SVG path in a square of `qr.size` units. */
export interface TotpSetup {
  readonly ticket: string;
  readonly secret: string;
  readonly uri: string;
  readonly qr: { readonly size: number; readonly path: string };
}

/** The next step that an answer asks for; null: it carries tokens. */
export function nextStep(body: object): NextStep | null {
  return "next" in body && "ticket" in body ? (body as NextStep) : null;
}

/** Whether this browser knows passkeys, as JSON; none does on a host that is an address. */
export function knowsPasskeys(): boolean {
  if (/^[\d.]+$|:/.test(location.hostname) || typeof PublicKeyCredential !== "function") return false;
  return "parseRequestOptionsFromJSON" in PublicKeyCredential;
}

/** Have a passkey shown. Throws a `Problem` where nobody did. */
export async function showPasskey(response: Response): Promise<Record<string, unknown>> {
  const { publicKey } = (await response.json()) as { publicKey: PublicKeyCredentialRequestOptionsJSON };
  return asked(() =>
    navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) }),
  );
}

/** Have a passkey made. Throws as `showPasskey`. */
export async function makePasskey(response: Response): Promise<Record<string, unknown>> {
  const { publicKey } = (await response.json()) as { publicKey: PublicKeyCredentialCreationOptionsJSON };
  return asked(() =>
    navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) }),
  );
}

async function asked(ceremony: () => Promise<Credential | null>): Promise<Record<string, unknown>> {
  const credential = await ceremony().catch(() => null);
  if (!(credential instanceof PublicKeyCredential)) {
    throw new Problem("answer.unexpected", 0, "No passkey was used.");
  }
  return { ...credential.toJSON() };
}
