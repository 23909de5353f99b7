import { knowsPasskeys, Problem, SERVICE, Session, type NextStep, type Step, type TotpSetup } from "#sdk";
import { get, show } from "../ui/dom";
import { Complaint, onSubmit, value } from "../ui/form";
import { sentence } from "../ui/messages";
import { showCodes, showKey, shown, wireTotp } from "./second-factor";

export function signIn(): void {
  const session = new Session();
  let staying = false; // until the recovery codes have been seen
  // Not into the history: the back button should not lead to a form that has done its work.
  session.onChange((user) => user && !staying && location.replace(destination()));
  session.resume().catch(() => undefined); // the form stays, and says more when it is sent
  const form = get("form", HTMLFormElement);
  const second = wireSecondStep(session, form);
  const enrol = wireEnrolment(session, () => (staying = true));
  onSubmit(form, async () => {
    const next = await begin(session, form);
    get("#password", HTMLInputElement).value = "";
    if (next?.next === "mfa") second(next);
    else if (next?.next === "enrol") await enrol(next);
  });
  wirePasskey("[data-passkey]", form, () => session.signInWithPasskey());
}

async function begin(session: Session, form: HTMLFormElement): Promise<NextStep | null> {
  const tellStep = (step: Step) => tell(form, step);
  try {
    return await session.signIn(value(form, "login"), value(form, "password"), tellStep);
  } catch (error) {
    if (!(error instanceof Problem && error.code === "credentials.invalid")) throw error;
    get("#password", HTMLInputElement).value = "";
    throw new Complaint("password", "The e-mail address and the password do not match.");
  } finally {
    tell(form, null);
  }
}

/** Returns what shows the second step. */
function wireSecondStep(session: Session, first: HTMLFormElement): (next: NextStep) => void {
  const form = get("[data-second]", HTMLFormElement);
  const passkey = get("[data-second-passkey]", HTMLButtonElement);
  let ticket = "";
  /** Whose ticket is over begins anew. */
  const orBeginAnew = async (step: Promise<void>) => {
    try {
      await step;
    } catch (error) {
      if (!(error instanceof Problem && error.code === "ticket.invalid")) throw error;
      form.reset();
      show("form");
      alertOf(first).textContent = sentence(error);
    }
  };
  onSubmit(form, () => orBeginAnew(session.secondStep(ticket, shown(value(form, "code")))));
  wirePasskey("[data-second-passkey]", form, () => orBeginAnew(session.passkeyStep(ticket)));
  return (next) => {
    ticket = next.ticket;
    passkey.hidden = !(next.factors.includes("passkey") && knowsPasskeys());
    show("second", { focus: false });
    get("#code", HTMLInputElement).focus();
  };
}

/** Returns what shows the setting up of an app. */
function wireEnrolment(session: Session, stay: () => void): (next: NextStep) => Promise<void> {
  let setup: TotpSetup | null = null;
  const current = () => {
    if (setup === null) throw new Error("No app is being set up.");
    stay();
    return setup;
  };
  wireTotp(session, current, (codes) => {
    showCodes(codes);
    show("codes");
  });
  get("[data-go-on]", HTMLButtonElement).addEventListener("click", () => {
    location.replace(destination());
  });
  return async ({ ticket }) => {
    setup = await session.beginTotp(ticket);
    showKey(setup);
    show("enrol");
  };
}

/** A button that asks for a passkey; hidden where the browser knows none. */
function wirePasskey(selector: string, form: HTMLFormElement, ask: () => Promise<void>): void {
  const button = get(selector, HTMLButtonElement);
  button.hidden = !knowsPasskeys();
  button.addEventListener("click", () => {
    alertOf(form).textContent = "";
    ask().catch((error: unknown) => (alertOf(form).textContent = sentence(error)));
  });
}

function alertOf(form: HTMLFormElement): HTMLElement {
  return get(".alert", HTMLElement, form);
}

const STEPS: Readonly<Record<Step, string>> = {
  deriving: "Turning your password into a key…",
  sending: "Signing in…",
};

/** Say what the sign-in is doing; null: nothing any more. */
function tell(form: HTMLFormElement, step: Step | null): void {
  get("[data-deriving]", HTMLElement, form).hidden = step !== "deriving";
  get("[data-step]", HTMLElement, form).textContent = step === null ? "" : STEPS[step];
}

/** Where to go next: a page of this site and nothing else, by default what `/auth` is part of. */
function destination(): URL {
  const home = new URL("../", SERVICE);
  const wish = new URLSearchParams(location.search).get("next");
  if (wish === null || !URL.canParse(wish, location.href)) return home;
  const url = new URL(wish, location.href);
  const here = url.protocol === location.protocol && url.origin === location.origin;
  return here ? url : home;
}
