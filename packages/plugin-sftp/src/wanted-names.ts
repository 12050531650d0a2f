import { compareUtf8 } from './compare-utf8.ts'

/** What of all keys a listing is to give; both begin with the prefix of the options. */
export interface WantedKeys {
  readonly prefix: string
  readonly startAfter: string | undefined
}

/** What a listing wants of one folder, said in names of that folder: whole paths need not be put together. */
export class WantedNames {
  /** The prefix as far as it is below the folder. */
  readonly #prefix: string
  readonly #after: string | undefined

  /** @param folder empty, or a path that ends in a slash; one that {@link mayHoldKeys}, or leads to the prefix. */
  constructor(folder: string, { prefix, startAfter }: WantedKeys) {
    this.#prefix = prefix.slice(folder.length)
    this.#after = startAfter?.startsWith(folder) === true ? startAfter.slice(folder.length) : undefined
  }

  /** True for the name of a file that is wanted. */
  has(name: string): boolean {
    return name.startsWith(this.#prefix) && (this.#after === undefined || compareUtf8(name, this.#after) > 0)
  }

  /** True for a folder below which keys may be wanted. @param name with a slash at its end. */
  mayHoldKeys(name: string): boolean {
    return mayHoldKeys(name, { prefix: this.#prefix, startAfter: this.#after })
  }
}

/** True for a folder below which keys may be wanted. @param folder empty, or a path that ends in a slash. */
export function mayHoldKeys(folder: string, { prefix, startAfter }: WantedKeys): boolean {
  if (!folder.startsWith(prefix) && !prefix.startsWith(folder)) return false
  return startAfter === undefined || startAfter.startsWith(folder) || compareUtf8(folder, startAfter) > 0
}
