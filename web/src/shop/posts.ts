import { get, make } from "../ui/dom";
import { onSubmit, value } from "../ui/form";
import { day } from "../ui/time";
import type { Post, Shop } from "./api";
import { notify, report } from "./feedback";

export class Posts {
  readonly #shop: Shop;
  readonly #form = get("[data-post-form]", HTMLFormElement);
  readonly #text = get("textarea", HTMLTextAreaElement, this.#form);

  constructor(shop: Shop) {
    this.#shop = shop;
    onSubmit(this.#form, () => this.#publish());
    for (const tool of this.#form.querySelectorAll<HTMLButtonElement>("[data-wrap]")) {
      tool.addEventListener("click", () => this.#wrap(tool.dataset["wrap"] ?? ""));
    }
  }

  async refresh(mayWrite: boolean): Promise<void> {
    get("[data-write]", HTMLElement).hidden = !mayWrite;
    const posts = (await this.#shop.posts()).map(entry);
    get("[data-posts]", HTMLElement).replaceChildren(...(posts.length > 0 ? posts : [nothing()]));
  }

  /** Leave nothing of a draft on the page. */
  clear(): void {
    this.#form.reset();
  }

  async #publish(): Promise<void> {
    await this.#shop.publish({
      title: value(this.#form, "title"),
      body: value(this.#form, "body"),
    });
    this.#form.reset();
    notify("Published.");
    await this.refresh(true).catch(report);
  }

  /** Put the tag around the selection, as a toolbar does; the text stays plain text. */
  #wrap(tag: string): void {
    const { selectionStart: start, selectionEnd: end } = this.#text;
    const chosen = this.#text.value.slice(start, end);
    this.#text.setRangeText(wrapped(tag, chosen), start, end, chosen === "" ? "end" : "select");
    this.#text.focus();
    this.#text.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

function wrapped(tag: string, text: string): string {
  if (tag === "a") return `<a href="https://example.com">${text || "link"}</a>`;
  if (tag !== "li") return `<${tag}>${text || "text"}</${tag}>`;
  const items = (text || "item").split("\n").map((line) => `  <li>${line}</li>`);
  return `<ul>\n${items.join("\n")}\n</ul>`;
}

function entry(post: Post): HTMLElement {
  return make(
    "li",
    {},
    make("a", { href: `posts/${post.id}/view` }, post.title),
    make("span", { class: "hint" }, `${post.author}, `, day(post.created_at)),
  );
}

function nothing(): HTMLElement {
  return make(
    "li",
    { class: "empty" },
    make("h2", {}, "No posts yet"),
    make("p", {}, "Whoever is signed in can write the first one."),
  );
}
