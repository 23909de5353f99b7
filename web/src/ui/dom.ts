/** The few words that the pages need to speak to the document. Data only ever becomes text. */

import { SERVICE } from "#sdk";

const ICONS = new URL("static/icons.svg", SERVICE).href;

type Child = Node | string;

/** A new element; a string among `children` becomes a text node, never markup. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** The element that the page must have: a missing one is a mistake in the page, said at once. */
export function get<T extends Element>(
  selector: string,
  type: new () => T,
  root: ParentNode = document,
): T {
  const found = root.querySelector(selector);
  if (found instanceof type) return found;
  throw new Error(`The page has no ${selector}.`);
}

/** A symbol of a sprite, hidden from assistive technology: its button or link has the name. */
export function icon(name: string, sprite = ICONS): SVGSVGElement {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(namespace, "use");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
}

/** Show one of the page's views and hide its siblings; `focus` moves the reader there too. */
export function show(view: string, { focus = true } = {}): void {
  for (const section of document.querySelectorAll<HTMLElement>("[data-view]")) {
    section.hidden = section.dataset["view"] !== view;
  }
  const heading = shownHeading();
  if (heading === null) return;
  document.title = `${heading.textContent} · ${document.title.split(" · ").at(-1)}`;
  if (focus) heading.focus();
}

/** Move the reader to the view's heading, after what they stood on has gone. */
export function focusView(): void {
  shownHeading()?.focus();
}

function shownHeading(): HTMLElement | null {
  return document.querySelector("[data-view]:not([hidden]) h1");
}
