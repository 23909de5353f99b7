// Builds the browser side into the two Python packages. The output is committed, so that nobody
// needs Node to use it; the same sources give the same bytes, with or without an earlier build.
//
//   node build.mjs [ROOT]     ROOT: where to put src/… and demo/…; this repository unless named

import { build } from "esbuild";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(process.argv[2] ?? join(here, ".."));
const service = join(root, "src/ringfence/service");
const shop = join(root, "demo/src/ringfence_demo");

/** The hosted pages by file name: title, and whether they stand beside the panel. */
const PAGES = {
  account: { title: "Your account", framed: false },
  forgot: { title: "Forgot your password?", framed: true },
  reset: { title: "Choose a new password", framed: true },
  "sign-in": { title: "Sign in", framed: true },
  "sign-up": { title: "Create an account", framed: true },
  "verify-email": { title: "Choose your password", framed: true },
};

// In this order: a new password holds a toggle.
const PARTS = ["login", "new-password", "totp", "codes", "toggle"];

/** The pages and the shop import the SDK that is served, not a copy of their own. */
const servedSdk = (path) => ({
  name: "served-sdk",
  setup({ onResolve }) {
    onResolve({ filter: /^#sdk$/ }, () => ({ path, external: true }));
  },
});

await Promise.all([
  bundle("src/sdk/index.ts", join(service, "static/ringfence.js")),
  bundle("src/sdk/worker.ts", join(service, "static/derive.js"), { licensed: "hash-wasm" }),
  bundle("src/auth/index.ts", join(service, "static/auth.js"), { sdk: "./ringfence.js" }),
  bundle("styles/ringfence.css", join(service, "static/ringfence.css")),
  bundle("src/shop/index.ts", join(shop, "static/shop.js"), {
    sdk: "../auth/static/ringfence.js",
  }),
  bundle("src/shop/post.ts", join(shop, "static/post.js")),
  bundle("styles/shop.css", join(shop, "static/shop.css")),
  ...["fence.svg", "icons.svg", "logo.svg"].map((name) => copyDrawing(name, service)),
  copyDrawing("products.svg", shop),
  ...Object.keys(PAGES).map(renderPage),
]);

/** `sdk`: where the SDK is served; `licensed`: the package whose licence the file carries. */
async function bundle(source, outfile, { sdk = "", licensed } = {}) {
  const banner = licensed === undefined ? "" : await licence(licensed);
  return build({
    absWorkingDir: here,
    entryPoints: [source],
    outfile,
    bundle: true,
    minify: true,
    format: "esm",
    target: ["chrome120", "firefox121", "safari17.2"],
    charset: "utf8",
    external: ["*.svg"],
    plugins: [servedSdk(sdk)],
    banner: { js: banner },
    legalComments: "none",
    logLevel: "warning",
  });
}

async function licence(name) {
  const text = await readFile(join(here, "node_modules", name, "LICENSE"), "utf8");
  return `/*! ${name}\n\n${text.trim()} */`;
}

async function copyDrawing(name, owner) {
  const target = join(owner, "static", name);
  await mkdir(dirname(target), { recursive: true });
  await copyFile(join(here, "icons", name), target);
}

async function renderPage(name) {
  const { title, framed } = PAGES[name];
  const [layout, frame, main] = await Promise.all(["layout", "frame", name].map(read));
  let html = framed ? fill(layout, "body", fill(frame, "main", main)) : fill(layout, "body", main);
  html = fill(fill(html, "title", title), "page", name);
  for (const part of PARTS) html = fill(html, part, await read(`part-${part}`));
  if (html.includes("{{")) throw new Error(`${name}.html: a placeholder was not filled`);
  const target = join(service, "pages", `${name}.html`);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, `${html}\n`);
}

async function read(name) {
  return (await readFile(join(here, "pages", `${name}.html`), "utf8")).trimEnd();
}

/** Put `text` in place of `{{slot}}`, as deep as the slot stands. */
function fill(html, slot, text) {
  const place = new RegExp(`^( *)(.*?)\\{\\{${slot}\\}\\}`, "gm");
  return html.replace(
    place,
    (_, indent, before) => indent + before + text.replaceAll("\n", `\n${indent}`),
  );
}
