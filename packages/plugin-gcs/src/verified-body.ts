import { StorageError } from '@walr/core/plugin'
import type { BodyReader } from '@walr/plugin-kit/storage'
import { Crc32c } from './crc32c.ts'

/**
 * Passes the body of a whole object through, and ends with `Transient` instead of well when its CRC32C is not the one that
 * the server keeps.
 */
export class VerifiedBody implements AsyncIterableIterator<Uint8Array> {
  readonly #body: BodyReader
  readonly #key: string
  readonly #expected: string
  readonly #checksum = new Crc32c()

  /** @param expected base64, as the server tells it. */
  constructor(body: BodyReader, key: string, expected: string) {
    this.#body = body
    this.#key = key
    this.#expected = expected
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const result = await this.#body.next()
    if (result.done !== true) {
      this.#checksum.update(result.value)
      return result
    }
    const computed = this.#checksum.finish().toString('base64')
    if (computed === this.#expected) return result
    throw new StorageError(
      'Transient',
      `what was read of "${this.#key}" has the CRC32C ${computed}, but the server keeps ${this.#expected}: it was altered ` +
        'on the way, or the object is damaged if another reading says the same',
    )
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    return this.#body.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
