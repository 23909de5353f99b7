/** What a refusal means to the person in front of the page, and what they can do about it. */

import { Problem } from "#sdk";

const SENTENCES: Readonly<Record<string, string>> = {
  "body.invalid": "The server did not accept these values. Check them and try again.",
  "body.too_large": "This is more than the server accepts. Shorten it and try again.",
  "aal.insufficient": "This needs your second factor.",
  "aal.stale": "Show again who you are, then this goes on.",
  "factor.invalid": "This did not work. Each code works once, and only for a moment.",
  "factor.required": "Your account must have a second factor: set up another one first.",
  "ticket.invalid": "This took too long, or too many codes were wrong. Sign in again.",
  "hashing.busy": "The server is busy right now. Try again in a moment.",
  "kdf.refused":
    "The server asked for a weaker protection of your password than is safe. Nothing was sent.",
  "link.invalid": "This link was used before, or its time has run out. Ask for a new one.",
  "login.malformed": "Enter an e-mail address, such as name@example.com.",
  "mail.busy": "Too many mails are waiting to be sent. Try again in a moment.",
  "network.unreachable": "The server cannot be reached. Check your connection and try again.",
  "password.breached":
    "This password is known from a data breach of another site. Choose one you use nowhere else.",
  "password.common":
    "This password is too easy to guess. Choose another; a few unrelated words work well.",
  "password.too_long": "This password is longer than the server accepts. Shorten it a little.",
  "password.too_short": "Use at least 15 characters.",
  "resource.missing": "This is not here any more, or it is not yours.",
  "service.starting": "The server is just starting. Try again in a moment.",
  "store.unavailable": "The service is not available at the moment. Try again soon.",
  "token.missing": "You are signed out. Sign in to go on.",
};

/** One or two sentences for `error`; with the request's id where only the log can tell more. */
export function sentence(error: unknown): string {
  if (!(error instanceof Problem)) return "Something went wrong in this page. Reload it.";
  if (error.status === 429) return `Too many attempts. Try again in ${duration(error.retryAfter)}.`;
  const known = SENTENCES[error.code];
  if (known !== undefined) return known;
  return error.requestId === null
    ? error.message
    : `${error.message} The log has it as ${error.requestId}.`;
}

function duration(seconds: number | null): string {
  if (seconds === null) return "a few minutes";
  const [count, unit] = seconds < 100 ? [seconds, "second"] : [Math.ceil(seconds / 60), "minute"];
  return count === 1 ? `a ${unit}` : `${count} ${unit}s`;
}
