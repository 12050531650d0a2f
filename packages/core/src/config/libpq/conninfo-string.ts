import { WalrError } from '../../errors/walr-error.ts'
import { isConnectionKeyword, isSecretKeyword, type ConnectionKeyword } from './connection-keywords.ts'

const SPACE = /\s/

/**
 * Reads a keyword/value connection string: `host=db port=5433 password='it\'s'`. Of a keyword that is given twice the last
 * value counts.
 *
 * @throws WalrError WALR_CONNECTION_SETTING; the message never holds a value.
 * @see PostgreSQL manual, "Keyword/Value Connection Strings"
 */
export function parseConninfoString(text: string): ReadonlyMap<ConnectionKeyword, string> {
  const settings = new Map<ConnectionKeyword, string>()
  const reader = new ConninfoReader(text)
  for (let keyword = reader.keyword(); keyword !== undefined; keyword = reader.keyword()) {
    settings.set(keyword, reader.value())
  }
  return settings
}

class ConninfoReader {
  readonly #text: string
  #position = 0
  #keyword = ''
  /** After an unquoted secret, what looks like the next keyword may be a part of it: a space that was not quoted. */
  #maybeSecret = false

  constructor(text: string) {
    this.#text = text
  }

  keyword(): ConnectionKeyword | undefined {
    this.#skipSpaces()
    if (this.#position >= this.#text.length) return undefined
    const start = this.#position
    while (this.#position < this.#text.length && !/[\s=]/.test(this.#here())) this.#position++
    const name = this.#text.slice(start, this.#position)
    this.#skipSpaces()
    if (this.#here() !== '=') throw this.#error(`missing "=" after ${this.#shown(name)} in connection info string`)
    this.#position++
    if (!isConnectionKeyword(name)) throw this.#error(`invalid connection option ${this.#shown(name)}`)
    this.#keyword = name
    return name
  }

  value(): string {
    this.#skipSpaces()
    const quoted = this.#here() === "'"
    this.#maybeSecret = !quoted && isSecretKeyword(this.#keyword)
    if (quoted) this.#position++
    let value = ''
    for (; ; this.#position++) {
      const character = this.#here()
      if (character === '' && quoted) throw this.#error('unterminated quoted string in connection info string')
      if (character === '' || (!quoted && SPACE.test(character))) return value
      if (quoted && character === "'") {
        this.#position++
        return value
      }
      if (character === '\\') this.#position++
      value += this.#here()
    }
  }

  #here(): string {
    return this.#text.charAt(this.#position)
  }

  #skipSpaces(): void {
    while (SPACE.test(this.#here())) this.#position++
  }

  #shown(name: string): string {
    if (this.#maybeSecret) return `the value of "${this.#keyword}"`
    // No keyword has these in it, but a mistyped URI has, and then its password.
    return `"${/^[^:@]*/.exec(name)?.[0] ?? ''}"`
  }

  #error(message: string): WalrError {
    const hint = this.#text.includes('=')
      ? "Values with spaces have to be in single quotes, and \\ and ' in them after a backslash."
      : 'A connection string is made of keyword=value pairs, such as "host=db dbname=postgres", or is a URI that begins ' +
        'with postgresql://.'
    return new WalrError('WALR_CONNECTION_SETTING', message, { hint })
  }
}
