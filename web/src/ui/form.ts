/** Forms: one submission at a time, and errors said where they belong. */

import { Problem } from "#sdk";
import { sentence } from "./messages";
import { characters, MIN_PASSWORD_CHARACTERS } from "./password";

/** What an action throws to complain about one field in words of its own. */
export class Complaint extends Error {
  readonly field: string;

  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

/**
 * Run `action` when `form` is submitted with valid fields.
 *
 * What `action` throws is said at the field that it is about (`password.common`), else in the
 * form's alert. Meanwhile the button is busy but keeps its focus.
 */
export function onSubmit(form: HTMLFormElement, action: () => Promise<void>): void {
  const button = form.querySelector<HTMLButtonElement>("button[type=submit]");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (form.ariaBusy === "true" || !valid(form)) return;
    form.ariaBusy = "true";
    button?.setAttribute("aria-disabled", "true");
    action()
      .catch((error: unknown) => complain(form, error))
      .finally(() => {
        form.ariaBusy = null;
        button?.removeAttribute("aria-disabled");
      });
  });
  form.addEventListener("input", ({ target }) => {
    if (isField(target)) explain(target, "");
  });
}

/** The trimmed value of the field `name`. A password is taken as it is: spaces count. */
export function value(form: HTMLFormElement, name: string): string {
  const field = fields(form).find((candidate) => candidate.name === name);
  if (field === undefined) throw new Error(`The form has no field ${name}.`);
  return isPassword(field) ? field.value : field.value.trim();
}

type Field = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;

function fields(form: HTMLFormElement): Field[] {
  return [...form.elements].filter(isField);
}

function isField(target: EventTarget | null): target is Field {
  return (
    target instanceof HTMLInputElement ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement
  );
}

/** A password that is shown is an input of type text; what it is stays in `autocomplete`. */
function isPassword(field: Field): boolean {
  return field.autocomplete.endsWith("-password");
}

function valid(form: HTMLFormElement): boolean {
  alert(form).textContent = "";
  const wrong = fields(form).filter((field) => {
    const complaint = complaintAbout(field);
    explain(field, complaint);
    return complaint !== "";
  });
  wrong[0]?.focus();
  return wrong.length === 0;
}

function complaintAbout(field: Field): string {
  if (field.validity.valueMissing) return field.dataset["missing"] ?? "Fill this in.";
  if (field.validity.typeMismatch) return "Enter an e-mail address, such as name@example.com.";
  if (field.autocomplete === "new-password") {
    const missing = MIN_PASSWORD_CHARACTERS - characters(field.value);
    if (missing > 0) return `Use at least ${MIN_PASSWORD_CHARACTERS} characters: ${missing} to go.`;
  }
  return field.validity.valid ? "" : field.validationMessage;
}

function complain(form: HTMLFormElement, error: unknown): void {
  const field = fields(form).find((candidate) => candidate.name === fieldOf(error));
  const words = error instanceof Complaint ? error.message : sentence(error);
  if (field === undefined) {
    alert(form).textContent = words;
  } else {
    explain(field, words);
    field.focus();
  }
}

function fieldOf(error: unknown): string | undefined {
  if (error instanceof Complaint) return error.field;
  const topic = error instanceof Problem ? error.code.split(".")[0] : undefined;
  return topic === "login" || topic === "password" ? topic : undefined;
}

/** Say `complaint` at `field`; an empty one takes it back. */
function explain(field: Field, complaint: string): void {
  const place = field.form?.querySelector(`#${field.id}-error`);
  if (!place) return;
  place.textContent = complaint;
  if (complaint === "") field.removeAttribute("aria-invalid");
  else field.setAttribute("aria-invalid", "true");
}

function alert(form: HTMLFormElement): Element {
  const place = form.querySelector("[role=alert].alert");
  if (place === null) throw new Error("The form has no place for its errors.");
  return place;
}
