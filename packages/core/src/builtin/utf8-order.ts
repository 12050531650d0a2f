/** Orders two texts by the bytes of their UTF-8 form, which is not JavaScript's own order beyond U+FFFF. */
export function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
