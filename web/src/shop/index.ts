/** The demo shop's page: three views, chosen by the address's fragment. */

import { Session, type User } from "#sdk";
import { focusView, get, show } from "../ui/dom";
import { Shop } from "./api";
import { notify, report } from "./feedback";
import { Orders } from "./orders";
import { Posts } from "./posts";
import { Products } from "./products";

const session = new Session();
const shop = new Shop(session);
const orders = new Orders(shop);
const posts = new Posts(shop);
const products = new Products(shop, (product) => {
  if (session.user === null) get("[data-sign-in]", HTMLAnchorElement).click();
  else orders.compose(product.name);
});

session.onChange(changed);
addEventListener("hashchange", () => open({ focus: true }));
get("[data-sign-out]", HTMLButtonElement).addEventListener("click", () => {
  session
    .signOut()
    .then(() => {
      notify("You are signed out, in every tab.");
      focusView();
    })
    .catch(report);
});

// Products are for everyone; the rest waits until it is known who is here.
if (view() === "products") open({ focus: false });
session.resume().then(
  (user) => user ?? changed(null),
  (error: unknown) => {
    changed(null);
    report(error);
  },
);

function changed(user: User | null): void {
  welcome(user);
  if (view() !== "products") open({ focus: false });
}

function welcome(user: User | null): void {
  get("[data-signed-in]", HTMLElement).hidden = user === null;
  get("[data-signed-out]", HTMLElement).hidden = user !== null;
  get("[data-name]", HTMLElement).textContent = user?.login ?? "Account";
  // Nothing of whoever was here before stays for whoever is here now.
  orders.clear();
  posts.clear();
}

function view(): "products" | "orders" | "posts" {
  const wish = location.hash.slice(1);
  return wish === "orders" || wish === "posts" ? wish : "products";
}

function open({ focus }: { focus: boolean }): void {
  const chosen = view();
  for (const link of document.querySelectorAll(".bar nav a")) {
    if (link.getAttribute("href") === `#${chosen}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  report(null);
  const user = session.user;
  show(chosen === "orders" && user === null ? "sign-in-first" : chosen, { focus });
  if (chosen === "products") products.refresh().catch(report);
  if (chosen === "orders" && user !== null) orders.refresh().catch(report);
  if (chosen === "posts") posts.refresh(user !== null).catch(report);
}
