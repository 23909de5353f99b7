/** The account page's second factors: what there is, adding, removing, and showing one again. */

import { knowsPasskeys, Problem, type Factor, type Session, type TotpSetup } from "#sdk";
import { get, icon, make } from "../ui/dom";
import { onSubmit, value } from "../ui/form";
import { sentence } from "../ui/messages";
import { moment } from "../ui/time";
import { showCodes, showKey, shown, wireTotp } from "./second-factor";

export type Action = () => Promise<void>;
/** Tries an action, asks again who is signed in where that is needed, and goes on. */
export type Attempt = (action: Action) => Promise<void>;
type Panel = "none" | "totp" | "codes" | "again";

/** Bring the card to life; returns what lists the factors, and how others ask who is signed in. */
export function wireFactors(session: Session): { list: Action; attempt: Attempt } {
  let setup: TotpSetup | null = null;
  const list = () => listFactors(session, attempt);
  const attempt = wireStepUp(session, list);
  const finish = (codes: readonly string[]) => {
    if (codes.length > 0) showCodes(codes);
    open(codes.length > 0 ? "codes" : "none");
    list().catch(complain);
  };
  wireTotp(session, () => required(setup), finish);
  on("[data-add-totp]", () =>
    attempt(async () => {
      setup = await session.beginTotp();
      showKey(setup);
      open("totp");
      get("#app-code", HTMLInputElement).focus();
    }),
  );
  on("[data-add-passkey]", () => attempt(async () => finish(await session.addPasskey(passkeyName()))));
  on("[data-new-codes]", () => attempt(async () => finish(await session.newRecoveryCodes())));
  get("[data-add-passkey]", HTMLButtonElement).hidden = !knowsPasskeys();
  return { list, attempt };
}

async function listFactors(session: Session, attempt: Attempt): Promise<void> {
  const factors = await session.factors();
  const rows = factors.map((factor) => row(session, factor, attempt));
  get("[data-factors]", HTMLElement).replaceChildren(...rows);
  get("[data-new-codes]", HTMLButtonElement).hidden = factors.length === 0;
  get("[data-again-passkey]", HTMLButtonElement).hidden =
    !factors.some(({ kind }) => kind === "passkey") || !knowsPasskeys();
  get("[data-again] label", HTMLElement).textContent =
    factors.length === 0 ? "Your password" : "Code of your app, or a recovery code";
  const input = get("#again", HTMLInputElement);
  input.type = factors.length === 0 ? "password" : "text";
  input.autocomplete = factors.length === 0 ? "current-password" : "one-time-code";
}

function row(session: Session, factor: Factor, attempt: Attempt): HTMLElement {
  const name = NAMES[factor.kind](factor);
  const about =
    factor.created_at === undefined
      ? make("span", { class: "hint" }, `${factor.left ?? 0} left`)
      : make("span", { class: "hint" }, "Added ", moment(factor.created_at));
  const facts = make("div", { class: "facts" }, make("strong", {}, name), about);
  if (factor.kind === "recovery_codes") return make("li", {}, icon("check"), facts);
  const remove = make("button", { type: "button", "aria-label": `Remove ${name}` }, "Remove");
  remove.addEventListener("click", () => {
    attempt(async () => {
      await session.removeFactor(factor.id);
      await listFactors(session, attempt);
    }).catch(complain);
  });
  return make("li", {}, icon("check"), facts, remove);
}

const NAMES: Readonly<Record<Factor["kind"], (factor: Factor) => string>> = {
  totp: () => "Authenticator app",
  passkey: ({ name }) => name ?? "Passkey",
  recovery_codes: () => "Recovery codes",
};

function wireStepUp(session: Session, list: Action): Attempt {
  const form = get("[data-again]", HTMLFormElement);
  let waiting: Action = async () => undefined;
  const attempt = async (action: Action) => {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof Problem && error.code.startsWith("aal."))) throw error;
      await list();
      waiting = action;
      open("again");
      get("#again", HTMLInputElement).focus();
    }
  };
  const goOn = async () => {
    form.reset();
    open("none");
    await waiting();
  };
  onSubmit(form, async () => {
    const password = get("#again", HTMLInputElement).autocomplete === "current-password";
    const text = value(form, "again");
    await session.stepUp(password ? { password: text } : shown(text));
    await goOn();
  });
  on("[data-again-passkey]", async () => {
    await session.stepUp("passkey");
    await goOn();
  });
  return attempt;
}

function open(panel: Panel): void {
  for (const each of document.querySelectorAll<HTMLElement>("[data-panel]")) {
    each.hidden = each.dataset["panel"] !== panel;
  }
}

function on(selector: string, action: Action): void {
  get(selector, HTMLButtonElement).addEventListener("click", () => {
    get("[data-factor-alert]", HTMLElement).textContent = "";
    action().catch(complain);
  });
}

function complain(error: unknown): void {
  get("[data-factor-alert]", HTMLElement).textContent = sentence(error);
}

/** What a passkey is called until its owner says otherwise: the browser's system, and the day. */
function passkeyName(): string {
  const system = /Windows|Mac|Android|iPhone|iPad|Linux/.exec(navigator.userAgent)?.[0] ?? "Passkey";
  return `${system}, ${new Date().toISOString().slice(0, 10)}`;
}

function required(setup: TotpSetup | null): TotpSetup {
  if (setup === null) throw new Error("No app is being set up.");
  return setup;
}
