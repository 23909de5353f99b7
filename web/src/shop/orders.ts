import { focusView, get, icon, make } from "../ui/dom";
import { onSubmit, value } from "../ui/form";
import { day } from "../ui/time";
import type { Order, OrderDraft, Shop } from "./api";
import { notify, report } from "./feedback";
import { money } from "./money";

/** A browser has begun to save a file by then. */
const SAVING_MS = 10_000;

export class Orders {
  readonly #shop: Shop;
  readonly #list = get("[data-orders]", HTMLElement);
  readonly #editor = get("[data-order-dialog]", HTMLDialogElement);
  readonly #form = get("form", HTMLFormElement, this.#editor);
  readonly #deleter = get("[data-delete-dialog]", HTMLDialogElement);
  readonly #items = get("select", HTMLSelectElement, this.#form);
  /** The order that an open dialog is about; null for a new one. */
  #subject: Order | null = null;
  #listing = new AbortController();
  #choosing = new AbortController();

  constructor(shop: Shop) {
    this.#shop = shop;
    get("[data-new-order]", HTMLButtonElement).addEventListener("click", () => this.compose());
    for (const dialog of [this.#editor, this.#deleter]) {
      get("[data-close]", HTMLButtonElement, dialog).addEventListener("click", () =>
        dialog.close(),
      );
    }
    onSubmit(this.#form, () => this.#save());
    onSubmit(get("form", HTMLFormElement, this.#deleter), () => this.#delete());
  }

  /** Show the orders anew. */
  async refresh(): Promise<void> {
    this.#listing.abort();
    this.#listing = new AbortController();
    const rows = await this.#rows("0", this.#listing.signal);
    this.#list.replaceChildren(...(rows.length > 0 ? rows : [nothing()]));
  }

  /** The orders after `after`, and a button for the rest where there is one. */
  async #rows(after: string, signal: AbortSignal): Promise<readonly HTMLElement[]> {
    const { items, next } = await this.#shop.orders(after, signal);
    signal.throwIfAborted();
    const rows = items.map((order) => this.#row(order));
    if (next === null) return rows;
    const button = make("button", { type: "button" }, "Show more");
    const more = make("li", { class: "more" }, button);
    button.addEventListener("click", () => {
      this.#rows(next, signal).then((rest) => {
        more.replaceWith(...rest);
        rest[0]?.querySelector("button")?.focus();
      }, report);
    });
    return [...rows, more];
  }

  /** Leave nothing of an order on the page, nor let anything under way arrive. */
  clear(): void {
    this.#listing.abort();
    this.#choosing.abort();
    this.#list.replaceChildren();
    this.#subject = null;
    this.#form.reset();
    this.#editor.close();
    this.#deleter.close();
    get("[data-what]", HTMLElement).textContent = "";
  }

  /** Open the dialog for a new order, of `item` if it is known already. */
  compose(item = ""): void {
    this.#open(null, { item, quantity: 1, note: "" });
  }

  #open(subject: Order | null, draft: OrderDraft): void {
    this.#subject = subject;
    this.#form.reset();
    get("[name=quantity]", HTMLInputElement, this.#form).valueAsNumber = draft.quantity;
    get("[name=note]", HTMLInputElement, this.#form).value = draft.note;
    this.#choose(draft.item).catch(report);
    get("h2", HTMLElement, this.#editor).textContent =
      subject === null ? "New order" : `Order ${subject.id}`;
    get("[type=submit]", HTMLButtonElement, this.#editor).textContent =
      subject === null ? "Order" : "Save";
    this.#editor.showModal();
  }

  /** Offer the products, and `item`, which may not be one of them any more. */
  async #choose(item: string): Promise<void> {
    this.#choosing.abort();
    this.#choosing = new AbortController();
    const { signal } = this.#choosing;
    this.#offer([item], item);
    const products = await this.#shop.products("", "name", signal);
    signal.throwIfAborted();
    this.#offer([item, ...products.map(({ name }) => name)], this.#items.value);
  }

  #offer(names: readonly string[], chosen: string): void {
    const options = [...new Set(names)].map((name) => new Option(name || "Choose …", name));
    this.#items.replaceChildren(...options);
    this.#items.value = chosen;
  }

  async #save(): Promise<void> {
    const draft = {
      item: value(this.#form, "item"),
      quantity: Number(value(this.#form, "quantity")),
      note: value(this.#form, "note"),
    };
    if (this.#subject === null) await this.#shop.create(draft);
    else await this.#shop.update(this.#subject.id, draft);
    this.#editor.close();
    notify(this.#subject === null ? "Thank you. The order is placed." : "The order is changed.");
    if (location.hash !== "#orders") location.hash = "orders"; // shows them, too
    else await this.refresh().then(focusView);
  }

  async #delete(): Promise<void> {
    if (this.#subject === null) return;
    await this.#shop.remove(this.#subject.id);
    this.#deleter.close();
    notify("The order is deleted.");
    await this.refresh().then(focusView);
  }

  #row(order: Order): HTMLElement {
    const about = `order ${order.id}, ${order.item}`;
    return make(
      "li",
      {},
      make(
        "div",
        { class: "facts" },
        make("strong", {}, order.item),
        make("span", { class: "hint" }, `No. ${order.id}, `, day(order.created_at)),
        ...(order.note === "" ? [] : [make("span", { class: "hint note" }, `“${order.note}”`)]),
      ),
      make("span", { class: "badge" }, order.status),
      make("span", { class: "quantity" }, `Qty ${order.quantity}`),
      make("strong", { class: "total" }, money(order.total)),
      make(
        "div",
        { class: "row-actions" },
        action("pen", `Edit ${about}`, () => this.#open(order, order)),
        action("receipt", `Invoice of ${about}`, () => this.#invoice(order).catch(report)),
        action("trash", `Delete ${about}`, () => this.#ask(order)),
      ),
    );
  }

  #ask(order: Order): void {
    this.#subject = order;
    get("[data-what]", HTMLElement).textContent = `Order ${order.id}, ${order.item},`;
    this.#deleter.showModal();
  }

  async #invoice(order: Order): Promise<void> {
    const url = URL.createObjectURL(await this.#shop.invoice(order.id));
    make("a", { href: url, download: `invoice-${order.id}.txt` }).click();
    setTimeout(() => URL.revokeObjectURL(url), SAVING_MS);
  }
}

function action(symbol: string, name: string, act: () => void): HTMLButtonElement {
  const button = make(
    "button",
    { type: "button", class: "quiet", "aria-label": name, title: name },
    icon(symbol),
  );
  button.addEventListener("click", act);
  return button;
}

function nothing(): HTMLElement {
  return make(
    "li",
    { class: "empty" },
    make("h2", {}, "No orders yet"),
    make("p", {}, "What you order shows up here, and only for you."),
    make("a", { class: "button primary", href: "#products" }, "See the products"),
  );
}
