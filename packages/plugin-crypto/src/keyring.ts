import { CodecError } from '@walr/core/plugin'
import type { KeySlot, ScryptParameters } from './header-format.ts'
import type { PassphraseKeys } from './passphrase-keys.ts'
import type { WrappingKey } from './wrapping-key.ts'

/** What a key ring is made of. */
export interface KeyringParts {
  /** Wraps the data keys of new objects. */
  readonly current: WrappingKey
  /** Keys that are not made from passphrases, the current one included if it is one of them. */
  readonly keys: readonly WrappingKey[]
  /** In the order in which they are tried. */
  readonly passphrases: readonly string[]
  readonly passphraseKeys: PassphraseKeys
}

/** The keys at hand. The first one writes, all of them read. */
export class Keyring {
  readonly current: WrappingKey
  readonly #keys: readonly WrappingKey[]
  readonly #passphrases: readonly string[]
  readonly #passphraseKeys: PassphraseKeys

  constructor({ current, keys, passphrases, passphraseKeys }: KeyringParts) {
    this.current = current
    this.#keys = keys
    this.#passphrases = passphrases
    this.#passphraseKeys = passphraseKeys
  }

  /**
   * The key that a header asks for. What decides is the check value, so that a key that was given another id later
   * still reads what it wrote.
   * @throws CodecError WrongKey, with the id that is asked for and those that there are.
   */
  async find(slot: KeySlot): Promise<WrappingKey> {
    const { keyId, checkValue, scrypt } = slot
    if (scrypt !== undefined) return this.#findPassphrase(slot, scrypt)
    const key = this.#keys.find((candidate) => candidate.checkValue.equals(checkValue))
    if (key) return key
    if (this.#keys.some(({ id }) => id === keyId)) {
      const text = `was encrypted with another key than the one that has the id "${keyId}" in the key ring`
      throw new CodecError('WrongKey', `${text}; give the key that it was written with`)
    }
    throw new CodecError('WrongKey', `needs the key "${keyId}"; ${this.#inventory()}`)
  }

  async #findPassphrase(slot: KeySlot, scrypt: ScryptParameters): Promise<WrappingKey> {
    for (const passphrase of this.#passphrases) {
      const key = await this.#passphraseKeys.derive(slot.keyId, passphrase, scrypt)
      if (key.checkValue.equals(slot.checkValue)) return key
    }
    if (this.#passphrases.length === 0) {
      throw new CodecError('WrongKey', `needs the passphrase "${slot.keyId}"; ${this.#inventory()}`)
    }
    const text = `was encrypted with another passphrase ("${slot.keyId}") than the ${this.#passphrases.length} at hand`
    throw new CodecError('WrongKey', `${text}; add it to "oldPassphrases"`)
  }

  #inventory(): string {
    const ids = this.#keys.map(({ id }) => `"${id}"`)
    const keys = ids.length === 0 ? 'no key' : ids.join(', ')
    const passphrases = this.#passphrases.length === 0 ? '' : ` and ${this.#passphrases.length} passphrase(s)`
    return `the key ring has ${keys}${passphrases}`
  }
}
