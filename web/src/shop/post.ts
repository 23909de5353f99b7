/** The page of one post: it is whole without this script, which only words it for reading. */

import { day } from "../ui/time";

const time = document.querySelector("time");
time?.replaceWith(day(time.textContent ?? ""));
document.title = `${document.querySelector("h1")?.textContent} · Ringfence shop`;
