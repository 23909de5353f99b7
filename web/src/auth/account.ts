/** The account page: where one is signed in, and the password. */

import { Problem, Session, type Device, type User } from "#sdk";
import { focusView, get, icon, make, show } from "../ui/dom";
import { Complaint, onSubmit, value } from "../ui/form";
import { sentence } from "../ui/messages";
import { ago, moment } from "../ui/time";
import { wireFactors, type Action, type Attempt } from "./factors";

export function account(): void {
  const session = new Session();
  const { list, attempt } = wireFactors(session);
  session.onChange((user) => render(session, user, list, attempt));
  wirePasswordChange(session, attempt);
  onClick("[data-sign-out]", () => session.signOut());
  onClick("[data-everywhere]", () => session.signOutEverywhere());
  session.resume().then(
    (user) => user ?? render(session, null, list, attempt),
    (error: unknown) => {
      show("none");
      complain(error);
    },
  );
}

function render(session: Session, user: User | null, listFactors: Action, attempt: Attempt): void {
  get("[data-signed-in]", HTMLElement).hidden = user === null;
  get("[data-name]", HTMLElement).textContent = user?.login ?? "";
  get("[name=login]", HTMLInputElement).value = user?.login ?? "";
  get("[data-devices]", HTMLElement).replaceChildren();
  get("[data-factors]", HTMLElement).replaceChildren();
  if (user === null) for (const form of document.forms) form.reset();
  show(user === null ? "signed-out" : "account", { focus: user === null });
  if (user === null) return;
  listDevices(session, attempt).catch(complain);
  listFactors().catch(complain);
}

async function listDevices(session: Session, attempt: Attempt): Promise<void> {
  const rows = (await session.devices()).map((device) => row(session, device, attempt));
  if (session.user === null) return; // they have left meanwhile
  get("[data-devices]", HTMLElement).replaceChildren(...rows);
}

function row(session: Session, device: Device, attempt: Attempt): HTMLElement {
  const facts = make(
    "div",
    { class: "facts" },
    make("strong", {}, device.client),
    make("span", { class: "hint" }, `${device.address}, last seen `, ago(device.last_used_at)),
    make("span", { class: "hint" }, "Signed in ", moment(device.signed_in_at)),
  );
  if (device.current) {
    const badge = make("span", { class: "badge" }, "This browser");
    return make("li", {}, icon("device"), facts, badge);
  }
  const end = make("button", { type: "button", "aria-label": `End ${device.client}` }, "End");
  end.addEventListener("click", () => {
    attempt(async () => {
      await session.revoke(device.id);
      await listDevices(session, attempt);
      focusView();
    }).catch(complain);
  });
  return make("li", {}, icon("device"), facts, end);
}

function wirePasswordChange(session: Session, attempt: Attempt): void {
  const form = get("[data-password-change]", HTMLFormElement);
  const done = get("[data-changed]", HTMLElement);
  form.addEventListener("input", () => (done.textContent = ""));
  onSubmit(form, () =>
    attempt(async () => {
      try {
        await session.changePassword(value(form, "current"), value(form, "password"));
      } catch (error) {
        if (!(error instanceof Problem && error.code === "credentials.invalid")) throw error;
        throw new Complaint("current", "This is not your current password.");
      }
      form.reset();
      done.textContent = "The new password is set. Every other device has been signed out.";
    }),
  );
}

function onClick(selector: string, action: () => Promise<void>): void {
  get(selector, HTMLButtonElement).addEventListener("click", () => {
    get("[data-account-alert]", HTMLElement).textContent = "";
    action().catch(complain);
  });
}

function complain(error: unknown): void {
  get("[data-account-alert]", HTMLElement).textContent = sentence(error);
}
