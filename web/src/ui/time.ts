/** Moments, as a person says them. */

const STEPS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** A date and time for reading; the exact moment stays in `datetime`. */
export function moment(iso: string): HTMLTimeElement {
  return time(iso, (date) =>
    date.toLocaleString("en", { dateStyle: "medium", timeStyle: "short" }),
  );
}

/** A date for reading. */
export function day(iso: string): HTMLTimeElement {
  return time(iso, (date) => date.toLocaleDateString("en", { dateStyle: "medium" }));
}

/** How long ago it was: "3 hours ago". */
export function ago(iso: string): HTMLTimeElement {
  return time(iso, (date) => {
    const seconds = (Date.now() - date.getTime()) / 1000;
    const [unit, length] = STEPS.find(([, size]) => seconds >= size) ?? ["second", 1];
    if (unit === "second") return "just now";
    const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
    return words.format(-Math.floor(seconds / length), unit);
  });
}

function time(iso: string, words: (date: Date) => string): HTMLTimeElement {
  const element = document.createElement("time");
  element.dateTime = iso;
  element.textContent = words(new Date(iso));
  return element;
}
