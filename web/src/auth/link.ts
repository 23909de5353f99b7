/** The pages that a mailed link opens: the first password, and a new one. */

import { Problem, resetPassword, Session } from "#sdk";
import { get, show } from "../ui/dom";
import { onSubmit, value } from "../ui/form";

export const verifyEmail = () => {
  const session = new Session();
  wire(async (token, password) => {
    const next = await session.verifyEmail(token, password);
    if (next !== null) location.replace("sign-in"); // the account is there; it needs a second factor
  });
};
export const reset = () => wire(resetPassword);

function wire(set: (token: string, password: string) => Promise<void>): void {
  const token = takeToken();
  show(token === null ? "broken" : "form", { focus: false });
  if (token === null) return;
  const form = get("form", HTMLFormElement);
  onSubmit(form, async () => {
    try {
      await set(token, value(form, "password"));
    } catch (error) {
      if (!(error instanceof Problem && error.code === "link.invalid")) throw error;
      form.reset();
      show("broken");
      return;
    }
    form.reset();
    show("done");
  });
}

/**
 * The link's token, taken out of the address at once.
 *
 * It travels in the fragment, which browsers send to no server and in no Referer; out of the
 * address it is also gone from the history and from a screen that others see.
 */
function takeToken(): string | null {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  history.replaceState(null, "", location.pathname);
  return token;
}
