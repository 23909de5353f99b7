const EUROS = new Intl.NumberFormat("en", { style: "currency", currency: "EUR" });

/** A price as the shop keeps it, in cents. */
export function money(cents: number): string {
  return EUROS.format(cents / 100);
}
