/** Password fields: shown on request, and the length said while it is typed. */

import { get } from "./dom";

/** NIST SP 800-63B-4, section 3.1.1.2. The server decides; the page only says it early. */
export const MIN_PASSWORD_CHARACTERS = 15;

/** The length as the server counts it: code points of the normalised text, so an emoji is one. */
export function characters(password: string): number {
  return [...password.normalize("NFC")].length;
}

/** Bring every `.password` of the page to life. */
export function wirePasswords(): void {
  for (const wrapper of document.querySelectorAll<HTMLElement>(".password")) {
    const input = get("input", HTMLInputElement, wrapper);
    wireToggle(wrapper, input);
    const progress = wrapper.parentElement?.querySelector<HTMLElement>(".length");
    if (progress) wireLength(progress, input);
  }
}

function wireToggle(wrapper: HTMLElement, input: HTMLInputElement): void {
  const toggle = get("button", HTMLButtonElement, wrapper);
  const show = (shown: boolean) => {
    input.type = shown ? "text" : "password";
    toggle.ariaPressed = String(shown);
  };
  toggle.addEventListener("click", () => show(toggle.ariaPressed !== "true"));
  // A password manager learns from a password field, and a shown password must not stay shown.
  input.form?.addEventListener("submit", () => show(false), { capture: true });
  // Nor does it stay in a page that the browser keeps for the back button.
  addEventListener("pagehide", () => {
    show(false);
    input.value = "";
  });
}

function wireLength(place: HTMLElement, input: HTMLInputElement): void {
  const bar = get("progress", HTMLProgressElement, place);
  const count = get("span[aria-hidden]", HTMLElement, place);
  const spoken = get("[role=status]", HTMLElement, place);
  const update = () => {
    const length = characters(input.value);
    const enough = length >= MIN_PASSWORD_CHARACTERS;
    bar.value = Math.min(length, MIN_PASSWORD_CHARACTERS);
    place.classList.toggle("enough", enough);
    count.textContent = enough ? `${length} characters` : `${length} of ${MIN_PASSWORD_CHARACTERS}`;
    // Said once when it changes, not at every key.
    const word = enough ? "Long enough." : "";
    if (spoken.textContent !== word) spoken.textContent = word;
  };
  input.addEventListener("input", update);
  input.form?.addEventListener("reset", () => queueMicrotask(update)); // when it has been reset
  update();
}
