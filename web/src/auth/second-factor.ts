/** What two pages do about second factors: setting up an app, and showing recovery codes. */

import { type Session, type TotpSetup } from "#sdk";
import { get, make } from "../ui/dom";
import { onSubmit, value } from "../ui/form";

/** Show the key of `setup` as a QR code and as text. */
export function showKey({ qr, secret }: TotpSetup): void {
  const svg = get("[data-totp] .qr", SVGSVGElement);
  svg.setAttribute("viewBox", `0 0 ${qr.size} ${qr.size}`);
  get("path", SVGPathElement, svg).setAttribute("d", qr.path);
  get("[data-key]", HTMLElement).textContent = (secret.match(/.{4}/g) ?? []).join(" ");
}

/** Turn on the app that is being set up, once its code was entered; then `done` with the codes. */
export function wireTotp(
  session: Session,
  setup: () => TotpSetup,
  done: (codes: readonly string[]) => void,
): void {
  const form = get("[data-totp]", HTMLFormElement);
  onSubmit(form, async () => {
    const codes = await session.finishTotp(setup(), value(form, "app-code"));
    form.reset();
    done(codes);
  });
}

/** Show recovery codes, to be printed or downloaded. */
export function showCodes(codes: readonly string[]): void {
  const items = codes.map((code) => make("li", {}, make("code", {}, code)));
  get("[data-codes]", HTMLElement).replaceChildren(...items);
  const file = new Blob([codes.join("\n"), "\n"], { type: "text/plain" });
  get("[data-download]", HTMLAnchorElement).href = URL.createObjectURL(file);
  get("[data-print]", HTMLButtonElement).onclick = () => print();
}

/** A code as it was typed: six digits of an app, or a recovery code. */
export function shown(text: string): { code: string } | { recovery_code: string } {
  const compact = text.replace(/[\s-]/g, "");
  return compact.length <= 8 ? { code: text } : { recovery_code: text };
}
