import { makePasskey, nextStep, showPasskey, type Factor, type NextStep, type Shown, type TotpSetup } from "./factors";
import { accepted, answer, call, SERVICE, type Call } from "./http";
import { Problem } from "./problem";
import { enter, prove, type Step } from "./proof";

/** Who is signed in, as `GET /auth/me` says. */
export interface User {
  readonly sub: string;
  readonly login: string;
  readonly name: string;
  readonly roles: readonly string[];
  /** Assurance level of the sign-in: 1, 2 or 3 (NIST SP 800-63B). */
  readonly aal: number;
}

/** One sign-in on one client, as `GET /auth/sessions` lists it. Times are RFC 3339, in UTC. */
export interface Device {
  readonly id: string;
  readonly current: boolean;
  readonly signed_in_at: string;
  readonly last_used_at: string;
  readonly client: string;
  readonly address: string;
}

interface Devices {
  readonly items: readonly Device[];
  readonly next: string | null;
}

interface Access {
  readonly token: string;
  readonly expiresAt: number; // milliseconds since 1970, so that tabs can share it
}

type Message =
  | { readonly kind: "signed-in"; readonly access: Access; readonly user: User }
  | { readonly kind: "signed-out" };

const CHANNEL = "ringfence";
const LOCK = "ringfence.refresh";
/** Says that a sign-in may exist, and nothing about it: visitors without one ask for nothing. */
const HINT = "ringfence.signed-in";
/** A token this close to its end is renewed first, so that it does not expire on the way. */
const MARGIN_MS = 30_000;

/**
 * The sign-in of this browser, shared by its tabs.
 *
 * The access token lives in the memory of this object only; the refresh token is a cookie that no
 * script can read. Whatever spends or sets that cookie runs under one Web Lock, so that two tabs
 * never spend the same refresh token, which the server would have to take for a theft (RFC 9700,
 * section 4.14.2). What one tab learns, the others hear over a BroadcastChannel.
 *
 * ```js
 * import { Session } from "/auth/static/ringfence.js";
 *
 * const session = new Session();
 * session.onChange((user) => render(user));
 * await session.resume();
 * const orders = await session.fetch("/orders");
 * ```
 */
export class Session {
  #access: Access | null = null;
  #user: User | null = null;
  readonly #listeners = new Set<(user: User | null) => void>();
  readonly #tabs = new BroadcastChannel(CHANNEL);

  constructor() {
    this.#tabs.addEventListener("message", ({ data }: MessageEvent<Message>) => {
      if (data.kind === "signed-in") this.#set(data.access, data.user);
      else this.#set(null, null);
    });
    // A page kept for the back button must hold nothing of a session that may end meanwhile.
    addEventListener("pagehide", () => this.#set(null, null));
    addEventListener("pageshow", (event) => {
      // Without an answer the page stays as if signed out; nothing private is on it.
      if (event.persisted) this.resume().catch(() => undefined);
    });
  }

  /** Who is signed in; null when nobody is, or before `resume` has answered. */
  get user(): User | null {
    return this.#user;
  }

  /** Call `listener` whenever somebody signs in or out, in any tab. Returns how to stop. */
  onChange(listener: (user: User | null) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Take up the sign-in that this browser already has. Call it once when the page loads. */
  async resume(): Promise<User | null> {
    if (localStorage.getItem(HINT) !== null) await this.#renew(null);
    return this.#user;
  }

  /**
   * Sign in. The password stays in this browser: a worker derives the key that is sent, and
   * `onStep` is told when that begins and ends.
   *
   * Null: signed in. Else `next` is `mfa`, and `secondStep` or `passkeyStep` goes on; or `enrol`, and
   * an app has to be set up first (`beginTotp`, `finishTotp`).
   *
   * Throws a `Problem`: `credentials.invalid`, `signin.limited`, `kdf.refused` and so on.
   */
  async signIn(
    login: string,
    password: string,
    onStep: (step: Step) => void = () => undefined,
  ): Promise<NextStep | null> {
    onStep("deriving");
    const proof = await prove(login, password);
    onStep("sending");
    return locked(async () => this.#begun(await enter(login, password, proof)));
  }

  /** The second step of a sign-in, by a code. Throws `factor.invalid`, `ticket.invalid` and so on. */
  async secondStep(ticket: string, shown: Shown): Promise<void> {
    await locked(async () => {
      await this.#adopt(await call("mfa", { body: { ticket, ...shown } }));
    });
  }

  /** The second step of a sign-in, by a passkey. */
  async passkeyStep(ticket: string): Promise<void> {
    const credential = await showPasskey(await call("mfa/passkey", { body: { ticket } }));
    await locked(async () => {
      await this.#adopt(await call("mfa", { body: { ticket, credential } }));
    });
  }

  /** Sign in with a passkey alone. */
  async signInWithPasskey(): Promise<void> {
    const credential = await showPasskey(await call("passkey/options"));
    await locked(async () => {
      await this.#adopt(await call("passkey", { body: { credential } }));
    });
  }

  /**
   * Show again who is signed in, by a code, a passkey, or where there is neither by the password:
   * what a `Problem` with `aal.insufficient` or `aal.stale` asks for.
   */
  async stepUp(shown: Shown | "passkey" | { readonly password: string }): Promise<void> {
    if (this.#user === null) throw new Problem("token.missing", 401, "Sign in first.");
    let body: Record<string, unknown>;
    if (shown === "passkey") {
      const options = await this.#called("step-up/passkey");
      body = { credential: await showPasskey(options) };
    } else if ("password" in shown) {
      body = { ...(await prove(this.#user.login, shown.password)) };
    } else body = shown;
    await this.#asUser(async (bearer) => this.#adopt(await call("step-up", { body, bearer })));
  }

  /** The user's own factors. */
  async factors(): Promise<readonly Factor[]> {
    const response = await this.#called("factors", { method: "GET" });
    return ((await response.json()) as { items: readonly Factor[] }).items;
  }

  /** Begin to set up an authenticator app; `ticket`: of a sign-in that asks for it. */
  async beginTotp(ticket: string | null = null): Promise<TotpSetup> {
    const response =
      ticket === null
        ? await this.#called("factors/totp")
        : await call("mfa/totp", { body: { ticket } });
    return (await response.json()) as TotpSetup;
  }

  /** Finish that with a code of the app, and get recovery codes where there were none. */
  async finishTotp(setup: TotpSetup, code: string): Promise<readonly string[]> {
    const body = { ticket: setup.ticket, code };
    if (this.#user === null) {
      return locked(async () => this.#adopt(await call("mfa/totp/confirm", { body })));
    }
    let codes: readonly string[] = [];
    await this.#asUser(async (bearer) => {
      codes = await this.#adopt(await call("factors/totp/confirm", { body, bearer }));
    });
    return codes;
  }

  /** Add a passkey of this name, and get recovery codes where there were none. */
  async addPasskey(name: string): Promise<readonly string[]> {
    const credential = await makePasskey(await this.#called("factors/passkeys/options"));
    const response = await this.#called("factors/passkeys", { body: { credential, name } });
    return ((await response.json()) as { recovery_codes?: readonly string[] }).recovery_codes ?? [];
  }

  /** New recovery codes; those that were left are worthless. */
  async newRecoveryCodes(): Promise<readonly string[]> {
    const response = await this.#called("factors/recovery-codes");
    return ((await response.json()) as { recovery_codes: readonly string[] }).recovery_codes;
  }

  /** Remove a factor. */
  async removeFactor(id: string): Promise<void> {
    await this.#called(`factors/${encodeURIComponent(id)}`, { method: "DELETE" });
  }

  /**
   * Prove the mailbox with the mail's `token` and set the password: the account now exists, and this
   * browser is signed in to it.
   */
  async verifyEmail(token: string, password: string): Promise<NextStep | null> {
    return locked(async () => this.#begun(await call("verify-email", { body: { token, password } })));
  }

  /** End this sign-in, in every tab. Where it throws, the sign-in has not ended. */
  async signOut(): Promise<void> {
    await locked(() => ended(call("sign-out")));
    this.#leave();
  }

  /** End every sign-in of the user, on every device. */
  async signOutEverywhere(): Promise<void> {
    await this.#asUser((bearer) => call("sign-out-everywhere", { bearer }));
    this.#leave();
  }

  /**
   * Change the password. This browser stays signed in; every other sign-in ends.
   *
   * The new password is sent in full, so that the server can judge it; of the current one the key.
   */
  async changePassword(current: string, next: string): Promise<void> {
    if (this.#user === null) throw new Problem("token.missing", 401, "Sign in first.");
    const { client_key: key, next_key, password } = await prove(this.#user.login, current);
    const proof = key === undefined ? { current: password } : { current_key: key, next_key };
    const body = { ...proof, new: next };
    await this.#asUser(async (bearer) => {
      await this.#adopt(await call("password/change", { body, bearer }));
    });
  }

  /** All of the user's own sign-ins; the server gives them in pages. */
  async devices(): Promise<readonly Device[]> {
    const found: Device[] = [];
    const url = new URL("sessions", SERVICE);
    for (;;) {
      const page = (await (await accepted(this.fetch(url))).json()) as Devices;
      found.push(...page.items);
      if (page.next === null) return found;
      url.searchParams.set("after", page.next);
    }
  }

  /** End one of the user's own sign-ins; it is refused on its next request. */
  async revoke(device: string): Promise<void> {
    const url = new URL(`sessions/${encodeURIComponent(device)}`, SERVICE);
    await accepted(this.fetch(url, { method: "DELETE" }));
  }

  /**
   * `window.fetch` with the access token, for this origin only.
   *
   * The token is renewed before it expires, and once more when the server refuses it, so a body
   * must be one that can be sent twice (no stream). Cookies stay at home. Without a sign-in the
   * request goes out without a token.
   */
  async fetch(input: string | URL, init: RequestInit = {}): Promise<Response> {
    const url = new URL(input, location.href);
    if (url.origin !== location.origin) throw new TypeError("The token is for this origin only.");
    const access = await this.#fresh();
    const response = await answer(send(url, init, access));
    if (response.status !== 401 || access === null) return response;
    const renewed = await this.#renew(access);
    return renewed === null ? response : answer(send(url, init, renewed));
  }

  /** What the service answers to the user's `path`. */
  async #called(path: string, options: Call = {}): Promise<Response> {
    let response: Response | undefined;
    await this.#asUser(async (bearer) => {
      response = await call(path, { ...options, bearer });
    });
    if (response === undefined) throw new Problem("token.missing", 401, "Sign in first.");
    return response;
  }

  /** Run `task`, which changes the cookie, with the token; a refused one is renewed once. */
  async #asUser(task: (bearer: string) => Promise<unknown>): Promise<void> {
    const access = await this.#fresh();
    if (access === null) throw new Problem("token.missing", 401, "Sign in first.");
    try {
      await locked(() => task(access.token));
    } catch (error) {
      if (!(error instanceof Problem && error.code.startsWith("token."))) throw error;
      const renewed = await this.#renew(access);
      if (renewed === null) throw error;
      await locked(() => task(renewed.token));
    }
  }

  async #fresh(): Promise<Access | null> {
    const access = this.#access;
    const fresh = access === null || Date.now() < access.expiresAt - MARGIN_MS;
    return fresh ? access : this.#renew(access);
  }

  /** Replace `stale`, unless another tab or request has done so while this one waited. */
  async #renew(stale: Access | null): Promise<Access | null> {
    return locked(async () => {
      if (this.#access !== stale) return this.#access;
      const response = await call("refresh").catch((problem: Problem) => {
        if (problem.status !== 401) throw problem;
        return null;
      });
      if (response === null) this.#leave();
      else await this.#adopt(response);
      return this.#access;
    });
  }

  /** The next step of a sign-in; null: there is none, and the tokens are adopted. */
  async #begun(response: Response): Promise<NextStep | null> {
    const step = nextStep((await response.clone().json()) as object);
    if (step === null) await this.#adopt(response);
    return step;
  }

  /** Take over the tokens of an answer; returns its recovery codes, if it has some. */
  async #adopt(response: Response): Promise<readonly string[]> {
    const body = (await response.json()) as {
      access_token?: unknown;
      expires_in?: unknown;
      recovery_codes?: readonly string[];
    };
    const { access_token: token, expires_in: seconds } = body;
    if (typeof token !== "string" || typeof seconds !== "number") {
      throw new Problem("answer.unexpected", response.status, "Signing in needs another step.");
    }
    const me = await call("me", { method: "GET", bearer: token });
    const access = { token, expiresAt: Date.now() + seconds * 1000 };
    const user = (await me.json()) as User;
    localStorage.setItem(HINT, "1");
    this.#set(access, user);
    this.#tell({ kind: "signed-in", access, user });
    return body.recovery_codes ?? [];
  }

  #leave(): void {
    localStorage.removeItem(HINT);
    this.#set(null, null);
    this.#tell({ kind: "signed-out" });
  }

  #tell(message: Message): void {
    this.#tabs.postMessage(message);
  }

  #set(access: Access | null, user: User | null): void {
    const changed = JSON.stringify(user) !== JSON.stringify(this.#user);
    this.#access = access;
    this.#user = user;
    if (changed) for (const listener of this.#listeners) listener(user);
  }
}

/** Run `task` while no other tab runs one. */
async function locked<T>(task: () => Promise<T>): Promise<T> {
  if (!isSecureContext) {
    throw new Problem("origin.insecure", 0, "Signing in needs https, or an address of this machine.");
  }
  return navigator.locks.request(LOCK, task);
}

/** A session that the server no longer knows has ended just as well. */
async function ended(request: Promise<Response>): Promise<void> {
  await request.catch((problem: Problem) => {
    if (problem.status !== 401) throw problem;
  });
}

function send(url: URL, init: RequestInit, access: Access | null): Promise<Response> {
  const headers = new Headers(init.headers);
  if (access !== null) headers.set("Authorization", `Bearer ${access.token}`);
  return fetch(url, { credentials: "omit", ...init, headers });
}
