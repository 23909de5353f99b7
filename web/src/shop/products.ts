import { get, icon, make } from "../ui/dom";
import type { Product, Shop } from "./api";
import { report } from "./feedback";
import { money } from "./money";

/** What a product is drawn as, by a word of its name; the last one fits everything. */
const DRAWINGS = ["kettle", "teapot", "tray", "towel", "jar", "tea", ""] as const;

/** Typing pauses for this long before it is searched for. */
const PAUSE_MS = 200;

export class Products {
  readonly #shop: Shop;
  readonly #order: (product: Product) => void;
  readonly #form = get("[data-search]", HTMLFormElement);
  readonly #list = get("[data-products]", HTMLElement);
  #searching = new AbortController();

  constructor(shop: Shop, order: (product: Product) => void) {
    this.#shop = shop;
    this.#order = order;
    let typing: ReturnType<typeof setTimeout> | undefined;
    const search = (delay: number) => {
      clearTimeout(typing);
      typing = setTimeout(() => this.refresh().catch(report), delay);
    };
    this.#form.addEventListener("input", () => search(PAUSE_MS));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      search(0);
    });
  }

  /** Ask again; a newer question drops the one under way. */
  async refresh(): Promise<void> {
    this.#searching.abort();
    this.#searching = new AbortController();
    const wish = new FormData(this.#form);
    const q = String(wish.get("q")).trim();
    const sort = String(wish.get("sort"));
    const products = await this.#shop.products(q, sort, this.#searching.signal);
    report(null);
    this.#list.replaceChildren(...products.map((product) => this.#card(product)));
    if (products.length === 0) {
      this.#list.append(
        make("li", { class: "empty" }, make("p", {}, `Nothing here is called “${q}”.`)),
      );
    }
    get("[data-found]", HTMLElement).textContent = `${products.length} products`;
  }

  #card(product: Product): HTMLElement {
    const order = make("button", { type: "button", "aria-label": `Order ${product.name}` }, "Order");
    order.addEventListener("click", () => this.#order(product));
    return make(
      "li",
      { class: "card" },
      make("div", { class: "drawing" }, drawing(product.name)),
      make("h2", {}, product.name),
      make("p", {}, product.description),
      make("div", { class: "buy" }, make("strong", {}, money(product.price)), order),
    );
  }
}

function drawing(name: string): SVGSVGElement {
  const word = DRAWINGS.find((candidate) => name.toLowerCase().includes(candidate));
  return icon(word || "parcel", "static/products.svg");
}
