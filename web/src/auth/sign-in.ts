import { Problem, SERVICE, Session, type Step } from "#sdk";
import { get } from "../ui/dom";
import { Complaint, onSubmit, value } from "../ui/form";

export function signIn(): void {
  const session = new Session();
  // Not into the history: the back button should not lead to a form that has done its work.
  session.onChange((user) => user && location.replace(destination()));
  session.resume().catch(() => undefined); // the form stays, and says more when it is sent
  const form = get("form", HTMLFormElement);
  onSubmit(form, async () => {
    try {
      await session.signIn(value(form, "login"), value(form, "password"), (step) => tell(form, step));
    } catch (error) {
      if (!(error instanceof Problem && error.code === "credentials.invalid")) throw error;
      get("#password", HTMLInputElement).value = "";
      throw new Complaint("password", "The e-mail address and the password do not match.");
    } finally {
      tell(form, null);
    }
  });
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
