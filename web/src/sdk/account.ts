/** What a visitor does about an account without being signed in to it. */

import { call } from "./http";

/** Ask for an account. The answer is always alike; the mail tells the rest. */
export async function signUp(login: string): Promise<void> {
  await call("sign-up", { body: { login } });
}

/** Ask for a link that sets a new password. The answer is always alike. */
export async function forgotPassword(login: string): Promise<void> {
  await call("password/forgot", { body: { login } });
}

/** Set a new password with the mail's `token`. It signs nobody in, and everyone else out. */
export async function resetPassword(token: string, password: string): Promise<void> {
  await call("password/reset", { body: { token, password } });
}
