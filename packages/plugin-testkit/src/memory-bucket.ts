import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { ObjectChecksum } from '@walr/core/plugin'

const PAGE_BYTES = 65_536

/** The bytes of one object, in pages that are never changed. */
export interface MemoryObject {
  readonly pages: readonly Uint8Array[]
  readonly size: number
  readonly checksum: ObjectChecksum
  readonly modifiedAt: Date
}

/** What several {@link MemoryStorage} share, as clients share a server. */
export class MemoryBucket {
  readonly objects = new Map<string, MemoryObject>()
}

/** Takes up the bytes of one object. Pages that are equal are kept once, so that a large test object costs little. */
export class MemoryObjectWriter {
  readonly #pages: Uint8Array[] = []
  readonly #distinct = new Map<number, Uint8Array>()
  readonly #sha256 = createHash('sha256')
  #open = Buffer.alloc(PAGE_BYTES)
  #filled = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Copies `chunk`. */
  write(chunk: Uint8Array): void {
    this.#sha256.update(chunk)
    this.#size += chunk.length
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + PAGE_BYTES - this.#filled)
      this.#open.set(part, this.#filled)
      this.#filled += part.length
      at += part.length
      if (this.#filled === PAGE_BYTES) this.#closePage()
    }
  }

  /** To be called once, after the last write. */
  finish(): MemoryObject {
    if (this.#filled > 0) this.#closePage()
    const checksum = { algorithm: 'sha256', value: this.#sha256.digest('hex') } as const
    return { pages: this.#pages, size: this.#size, checksum, modifiedAt: new Date() }
  }

  #closePage(): void {
    const page = this.#open.subarray(0, this.#filled)
    const digest = crc32(page)
    const kept = this.#distinct.get(digest)
    if (kept !== undefined && Buffer.compare(kept, page) === 0) {
      this.#pages.push(kept)
    } else {
      this.#distinct.set(digest, page)
      this.#pages.push(page)
      this.#open = Buffer.alloc(PAGE_BYTES)
    }
    this.#filled = 0
  }
}
