/** What the page says about what just happened. */

import { get } from "../ui/dom";
import { sentence } from "../ui/messages";

const TOAST_MS = 6_000;
let fading: ReturnType<typeof setTimeout> | undefined;

/** Say what went well; it goes away by itself. */
export function notify(text: string): void {
  const place = get("[data-toast]", HTMLElement);
  place.textContent = text;
  clearTimeout(fading);
  fading = setTimeout(() => (place.textContent = ""), TOAST_MS);
}

/** Say what went wrong; it stays until the next step. Null takes it back. */
export function report(error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") return;
  get("[data-alert]", HTMLElement).textContent = error === null ? "" : sentence(error);
}
