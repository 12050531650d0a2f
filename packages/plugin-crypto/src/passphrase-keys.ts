import { createHash, randomBytes, scrypt } from 'node:crypto'
import { SALT_LENGTH, type ScryptParameters } from './header-format.ts'
import { deriveWrappingKey, KEY_LENGTH, type WrappingKey } from './wrapping-key.ts'

/** scrypt's block size r; its parallelism p is 1. */
const BLOCK_SIZE = 8
/** scrypt's cost of new keys, as a power of two: 128 MiB and about 0.4 s. */
const COST_LOG2 = 17
/** Derived keys that are remembered: an archive has one salt for each process that has written to it. */
const REMEMBERED_KEYS = 256

/**
 * Makes keys from passphrases with scrypt, each one once. Derivations run in libuv's pool, one after the other, so that
 * many objects of many salts do not need 128 MiB each at the same time.
 */
export class PassphraseKeys {
  /** For new objects: the same as long as this lives. */
  readonly #parameters: ScryptParameters
  readonly #known = new Map<string, Promise<Buffer>>()
  #latest: Promise<unknown> = Promise.resolve()
  #derivationCount = 0

  constructor(costLog2: number = COST_LOG2, random: (length: number) => Uint8Array = randomBytes) {
    this.#parameters = { costLog2, salt: random(SALT_LENGTH) }
  }

  /** How many times scrypt has run. */
  get derivationCount(): number {
    return this.#derivationCount
  }

  /** The key of a passphrase: for new objects, or as a header says that it was made. */
  async derive(id: string, passphrase: string, parameters = this.#parameters): Promise<WrappingKey> {
    return deriveWrappingKey(id, await this.#masterOf(passphrase, parameters), parameters)
  }

  #masterOf(passphrase: string, parameters: ScryptParameters): Promise<Buffer> {
    const name = nameOf(passphrase, parameters)
    const known = this.#known.get(name)
    if (known) return known
    const oldest = this.#known.keys().next()
    if (this.#known.size >= REMEMBERED_KEYS && oldest.done !== true) this.#known.delete(oldest.value)
    const made = this.#enqueue(passphrase, parameters)
    this.#known.set(name, made)
    made.catch(() => this.#known.delete(name))
    return made
  }

  #enqueue(passphrase: string, parameters: ScryptParameters): Promise<Buffer> {
    const made = this.#latest.then(() => {
      this.#derivationCount++
      return runScrypt(passphrase, parameters)
    })
    this.#latest = made.catch(() => undefined)
    return made
  }
}

let shared: PassphraseKeys | undefined

/** The one of this process (of this thread, to be exact), so that scrypt runs once however many codecs are made. */
export function sharedPassphraseKeys(): PassphraseKeys {
  shared ??= new PassphraseKeys()
  return shared
}

/** Under which a derived key is remembered; the passphrase itself is not kept as a name. */
function nameOf(passphrase: string, { costLog2, salt }: ScryptParameters): string {
  return createHash('sha256')
    .update(Buffer.from([costLog2]))
    .update(salt)
    .update(normal(passphrase))
    .digest('base64')
}

function runScrypt(passphrase: string, { costLog2, salt }: ScryptParameters): Promise<Buffer> {
  const cost = 2 ** costLog2
  // What OpenSSL counts is a little more than 128 * N * r.
  const options = { N: cost, r: BLOCK_SIZE, p: 1, maxmem: 128 * cost * BLOCK_SIZE + 0x10_0000 }
  return new Promise((resolve, reject) => {
    scrypt(normal(passphrase), salt, KEY_LENGTH, options, (error, key) => {
      if (error) reject(error)
      else resolve(key)
    })
  })
}

/** The same text may be typed as different characters: one form of them counts, NFC. */
function normal(passphrase: string): Buffer {
  return Buffer.from(passphrase.normalize('NFC'), 'utf8')
}
