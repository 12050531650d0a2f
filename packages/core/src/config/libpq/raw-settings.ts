import { WalrError } from '../../errors/walr-error.ts'
import { isSecretKeyword, type ConnectionKeyword } from './connection-keywords.ts'

/** A value as it was given, and where: `environment variable PGPORT`, `option -p/--port`. */
export interface RawSetting {
  readonly value: string
  readonly source: string
}

/** What was given for each parameter, from the source that goes first. */
export class RawSettings {
  readonly #settings = new Map<ConnectionKeyword, RawSetting>()

  /** Keeps the value unless a source that goes before has given one. */
  offer(keyword: ConnectionKeyword, value: string, source: string): void {
    if (!this.#settings.has(keyword)) this.#settings.set(keyword, { value, source })
  }

  /** The value and its source; undefined when nobody gave one. */
  get(keyword: ConnectionKeyword): RawSetting | undefined {
    return this.#settings.get(keyword)
  }

  /** The value; undefined when nobody gave one, or an empty one. */
  text(keyword: ConnectionKeyword): string | undefined {
    const value = this.#settings.get(keyword)?.value
    return value === '' ? undefined : value
  }

  /**
   * The value, which has to be one of `allowed`; `fallback` when none was given.
   * @throws WalrError WALR_CONNECTION_SETTING
   */
  oneOf<T extends string>(keyword: ConnectionKeyword, allowed: readonly T[], fallback: T): T {
    const setting = this.get(keyword)
    if (!setting) return fallback
    const value = allowed.find((candidate) => candidate === setting.value)
    if (value === undefined) throw this.invalid(keyword, `invalid ${keyword} value: "${setting.value}"`)
    return value
  }

  /**
   * A whole number of 32 bits; undefined when none was given, or an empty value.
   * @throws WalrError WALR_CONNECTION_SETTING
   */
  integer(keyword: ConnectionKeyword): number | undefined {
    const value = this.text(keyword)
    if (value === undefined) return undefined
    const number = /^\s*[+-]?\d+\s*$/.test(value) ? Number(value) : Number.NaN
    if (Number.isInteger(number) && number >= -(2 ** 31) && number < 2 ** 31) return number
    throw this.invalid(keyword, `invalid integer value "${value}" for connection option "${keyword}"`)
  }

  /** An error that says where the value came from. */
  invalid(keyword: ConnectionKeyword, message: string, hint?: string): WalrError {
    const source = this.get(keyword)?.source ?? 'default'
    if (isSecretKeyword(keyword))
      return new WalrError('WALR_CONNECTION_SETTING', `${keyword} is wrong (from ${source})`)
    return new WalrError('WALR_CONNECTION_SETTING', `${message} (from ${source})`, { hint })
  }
}
