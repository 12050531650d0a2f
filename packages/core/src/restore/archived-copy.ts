import { archiveFailure } from '../archive/archive-error.ts'
import type { CodecPipeline } from '../codec/codec-pipeline.ts'
import { isWalrError, WalrError } from '../errors/walr-error.ts'
import { isStorageError, type Storage } from '../plugins/contract/index.ts'
import { checkedFile } from './checked-file.ts'
import type { SegmentOwner } from './segment-owner.ts'
import { VanishedFile } from './vanished-file.ts'
import type { WalCopy } from './wal-source.ts'
import type { WantedFile } from './wanted-file.ts'

/** An object that may be a wanted file. */
export interface ArchivedObject {
  readonly storage: Storage
  readonly codecs: CodecPipeline
  readonly key: string
  /** {@link ArchiveLayout.boundKey} of it. */
  readonly boundKey: string
  /** What the bytes went through; empty for plain bytes. */
  readonly suffixes: string
  readonly wanted: WantedFile
  readonly owner: SegmentOwner
  readonly isFollowed?: (() => Promise<boolean>) | undefined
}

type Bytes = AsyncIterable<Uint8Array>

/**
 * A copy in the archive whose first bytes are there already: whether there is such an object is known with one request, and
 * the first reading costs no other. {@link close} frees what nobody has read.
 */
export class ArchivedCopy implements WalCopy {
  readonly description: string
  readonly isUnfinished = false
  readonly #object: ArchivedObject
  readonly #stop: AbortController
  readonly #signal: AbortSignal
  #begun: Bytes | undefined

  private constructor(object: ArchivedObject, begun: Bytes, stop: AbortController, signal: AbortSignal) {
    this.description = `object "${object.key}"`
    this.#object = object
    this.#begun = begun
    this.#stop = stop
    this.#signal = signal
  }

  /**
   * @returns undefined when the storage says that there is no such object.
   * @throws WalrError WALR_ARCHIVE_UNAVAILABLE, WALR_ARCHIVE_REFUSED
   */
  static async begin(object: ArchivedObject, signal: AbortSignal): Promise<ArchivedCopy | undefined> {
    const stop = new AbortController()
    const either = AbortSignal.any([signal, stop.signal])
    try {
      const begun = await object.storage.get(object.key, { signal: either })
      return new ArchivedCopy(object, begun, stop, either)
    } catch (error) {
      if (isStorageError(error, 'NotFound')) return undefined
      throw signal.aborted ? error : fetchFailure(object.key, error)
    }
  }

  get size(): number | undefined {
    const { wanted, owner } = this.#object
    return wanted.kind === 'segment' ? owner.walSegmentSize : undefined
  }

  async *open(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const { key, boundKey, codecs, suffixes, wanted, owner, isFollowed } = this.#object
    const abort = (): void => this.#stop.abort(signal.reason)
    signal.addEventListener('abort', abort)
    try {
      signal.throwIfAborted()
      const coded = await this.#bytes()
      const plain = codecs.decode(suffixes, coded, { objectKey: boundKey, signal: this.#signal })
      yield* checkedFile({ wanted, description: this.description, owner, isFollowed }, plain)
    } catch (error) {
      throw this.#signal.aborted || error instanceof VanishedFile ? error : fetchFailure(key, error)
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** To be called when nobody wants it any more. */
  async close(): Promise<void> {
    const begun = this.#begun
    this.#begun = undefined
    await begun?.[Symbol.asyncIterator]().return?.()
  }

  async #bytes(): Promise<Bytes> {
    const begun = this.#begun
    this.#begun = undefined
    if (begun !== undefined) return begun
    const { storage, key } = this.#object
    try {
      return await storage.get(key, { signal: this.#signal })
    } catch (error) {
      if (isStorageError(error, 'NotFound')) throw new VanishedFile(key, { cause: error })
      throw error
    }
  }
}

/** What has to be done about it. */
const HINTS: Readonly<Record<string, string>> = {
  WALR_KEY: 'Give the key that the object was written with to the codec in archive.codecs or archive.readCodecs.',
  WALR_OBJECT_CORRUPT: 'It was not handed to PostgreSQL. Put a good copy in its place.',
}

/** In walr's words: an object, or a listing, that could not be had. */
export function fetchFailure(key: string, cause: unknown): WalrError {
  if (isWalrError(cause)) return cause
  const { error } = archiveFailure(`fetch "${key}"`, cause)
  return new WalrError(error.code, error.message, { hint: error.hint ?? HINTS[error.code], cause })
}
