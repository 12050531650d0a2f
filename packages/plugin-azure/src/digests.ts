import { createHash, type Hash } from 'node:crypto'
import type { DigestMeter } from '@walr/plugin-kit/storage'

/** Computes the MD5 of every part of an object, and in passing that of the whole. */
export class ObjectMeter {
  readonly #whole: Hash = createHash('md5')

  /** For the part that comes next. */
  readonly nextPart = (): DigestMeter<Buffer> => {
    const part = createHash('md5')
    return {
      update: (bytes) => {
        part.update(bytes)
        this.#whole.update(bytes)
      },
      finish: () => part.digest(),
    }
  }

  /** Of all parts so far, in the order in which they were metered. To be called once. */
  finish(): Buffer {
    return this.#whole.digest()
  }
}
