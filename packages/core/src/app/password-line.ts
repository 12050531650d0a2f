const ETX = 0x03
const EOT = 0x04
const BACKSPACE = 0x08
const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const NAK = 0x15
const DELETE = 0x7f

/**
 * A line being typed. With `keys`, the bytes come from a terminal in raw mode, and the keys that edit a line (backspace,
 * Ctrl-U), end it (Enter, Ctrl-D) and interrupt the program (Ctrl-C) have to be given their meaning here.
 */
export class PasswordLine {
  readonly #keys: boolean
  #bytes: number[] = []

  constructor(keys: boolean) {
    this.#keys = keys
  }

  /** Takes what was typed; tells whether the line is at its end. Bytes behind the end are dropped. */
  type(chunk: Uint8Array): 'more' | 'end' | 'interrupt' {
    for (const byte of chunk) {
      if (byte === LINE_FEED) return 'end'
      if (!this.#keys) this.#bytes.push(byte)
      else if (byte === CARRIAGE_RETURN || byte === EOT) return 'end'
      else if (byte === ETX) return 'interrupt'
      else if (byte === BACKSPACE || byte === DELETE) this.#eraseCharacter()
      else if (byte === NAK) this.#bytes = []
      else this.#bytes.push(byte)
    }
    return 'more'
  }

  text(): string {
    return Buffer.from(this.#bytes).toString('utf8').replace(/\r$/, '')
  }

  /** A character may be several bytes in UTF-8: those that continue one begin with the bits 10. */
  #eraseCharacter(): void {
    let byte = this.#bytes.pop()
    while (byte !== undefined && (byte & 0xc0) === 0x80) byte = this.#bytes.pop()
  }
}
