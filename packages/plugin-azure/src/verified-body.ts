import { createHash, type Hash } from 'node:crypto'
import { StorageError } from '@walr/core/plugin'

/** Reads a whole object, and ends with `Transient` unless its bytes have the MD5 that the storage knows of it. */
export class VerifiedBody implements AsyncIterableIterator<Uint8Array> {
  readonly #body: AsyncIterableIterator<Uint8Array, undefined>
  readonly #key: string
  readonly #md5: Uint8Array
  readonly #hash: Hash = createHash('md5')
  #isChecked = false

  constructor(body: AsyncIterableIterator<Uint8Array, undefined>, key: string, md5: Uint8Array) {
    this.#body = body
    this.#key = key
    this.#md5 = md5
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const result = await this.#body.next()
    if (result.done !== true) this.#hash.update(result.value)
    else if (!this.#isChecked) this.#check()
    return result
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#isChecked = true
    return (await this.#body.return?.()) ?? { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #check(): void {
    this.#isChecked = true
    const md5 = this.#hash.digest()
    if (md5.equals(this.#md5)) return
    const known = Buffer.from(this.#md5).toString('hex')
    throw new StorageError(
      'Transient',
      `what was read of "${this.#key}" has MD5 ${md5.toString('hex')}, but the server says ${known}`,
    )
  }
}
