import type { WalCatalogue } from '../../archive/wal-catalogue.ts'
import type { Findings } from './verify-findings.ts'

/** An object that the keys at hand do not decrypt. */
interface UndecryptedObject {
  readonly suffixes: string
  readonly where: string
  readonly lsn: string
  readonly message: string
}

/** After so many objects, none of which could be decrypted, there is no use in going on. */
const HOPELESS = 50
const MOST_OBJECTS = 1000
/** After so many objects in a row that could not be read, the storage does not answer. */
const LASTING = 10

/**
 * Objects that the keys at hand do not decrypt. When others under the same suffixes can be read, something is wrong with the
 * object, or it was made with another key. When nothing can be read, the keys are the wrong ones, and nobody knows.
 */
export class KeyTrouble {
  readonly #good = new Set<string>()
  readonly #objects: UndecryptedObject[] = []
  #count = 0

  get count(): number {
    return this.#count
  }

  get isHopeless(): boolean {
    return this.#count >= HOPELESS && this.#good.size === 0
  }

  noteGood(suffixes: string): void {
    this.#good.add(suffixes)
  }

  note(object: UndecryptedObject): void {
    this.#count += 1
    if (this.#objects.length < MOST_OBJECTS) this.#objects.push(object)
  }

  report({ owner: { place } }: WalCatalogue, findings: Findings): void {
    const [first, ...others] = this.#objects.filter(({ suffixes }) => !this.#good.has(suffixes))
    if (first) {
      const more = others.length === 0 ? '' : ` and ${others.length} more`
      findings.add({
        ...{ severity: 'unchecked', code: 'WALR_KEY', place, where: `${first.where}${more}`, lsn: first.lsn },
        what: `nothing could be read with the keys at hand: ${first.message}`,
        remedy: 'Nobody knows. Give the keys that the objects were made with, and verify again.',
      })
    }
    for (const { where, lsn, message } of this.#objects.filter(({ suffixes }) => this.#good.has(suffixes))) {
      findings.add({
        ...{ severity: 'damaged', code: 'WALR_KEY', place, where, lsn },
        what: `the keys at hand, with which other objects can be read, do not decrypt it: ${message}`,
        remedy: 'If there was another key, give it as well ("oldKeys"). Else the object is altered.',
      })
    }
  }
}

/** Objects that could not be read, nobody knows why. */
export class OutageTrouble {
  #inARow = 0

  get isLasting(): boolean {
    return this.#inARow >= LASTING
  }

  note(isUnreadable: boolean): void {
    this.#inARow = isUnreadable ? this.#inARow + 1 : 0
  }
}
