/** The pages that ask for a link: sign-up and forgotten password. */

import { forgotPassword, signUp as askForAccount } from "#sdk";
import { get, show } from "../ui/dom";
import { onSubmit, value } from "../ui/form";

export const signUp = () => wire(askForAccount);
export const forgot = () => wire(forgotPassword);

function wire(ask: (login: string) => Promise<void>): void {
  const form = get("form", HTMLFormElement);
  onSubmit(form, async () => {
    const login = value(form, "login");
    await ask(login);
    get("[data-sent-to]", HTMLElement).textContent = login;
    show("sent");
  });
  get("[data-again]", HTMLButtonElement).addEventListener("click", () => {
    show("form");
    get("input", HTMLInputElement, form).select();
  });
}
