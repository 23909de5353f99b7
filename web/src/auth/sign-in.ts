import { Problem, SERVICE, Session } from "#sdk";
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
      await session.signIn(value(form, "login"), value(form, "password"));
    } catch (error) {
      if (!(error instanceof Problem && error.code === "credentials.invalid")) throw error;
      get("#password", HTMLInputElement).value = "";
      throw new Complaint("password", "The e-mail address and the password do not match.");
    }
  });
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
