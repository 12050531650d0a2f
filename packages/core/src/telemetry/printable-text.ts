/** What moves a cursor, rings, colours or turns the direction of writing; line breaks and tabs are none of it. */
const control = /(?![\n\t])[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** A text of others as it may be shown on a terminal: control characters become question marks; line breaks stay. */
export function printable(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(control, '?')
}

/** As {@link printable}, in one line. */
export function printableLine(text: string): string {
  return printable(text.trim().replace(/\s+/g, ' '))
}
