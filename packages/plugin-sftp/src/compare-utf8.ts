/** Surrogates stand for what is beyond U+FFFF: there alone the order of JavaScript is not that of UTF-8 bytes. */
const SURROGATE = /[\ud800-\udfff]/

/** The order of UTF-8 bytes. */
export function compareUtf8(a: string, b: string): number {
  if (SURROGATE.test(a) || SURROGATE.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b))
  return compareUnits(a, b)
}

/** Sorts in place by {@link compareUtf8} of the names, at the cost of comparing text where that is the same. */
export function sortByName<T extends { readonly name: string }>(items: T[]): T[] {
  const compare = items.some(({ name }) => SURROGATE.test(name)) ? compareUtf8 : compareUnits
  return items.sort((a, b) => compare(a.name, b.name))
}

function compareUnits(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
