import { createHash } from 'node:crypto'
import type { CodecPipeline } from '../codec/codec-pipeline.ts'
import { WalrError } from '../errors/walr-error.ts'
import { isStorageError, type ByteSource, type PutConfirmation, type Storage } from '../plugins/contract/index.ts'
import type { Logger } from '../telemetry/logger.ts'
import { segmentStartLsn } from '../wal/wal-file-name.ts'
import type { SegmentItem } from './archive-entry.ts'
import type { ArchiveLayout } from './archive-layout.ts'
import { compareWithArchived, type Comparison } from './archived-object.ts'
import { compareRecords } from './compare-records.ts'
import { ObjectBuffer } from './encoded-object.ts'
import { readSegment, type LocalWal } from './local-file.ts'
import { partialFileName, readPartialSegment, type PartialItem } from './partial-segment.ts'
import { checksumOf } from './object-checksum.ts'

/** What became of a segment: it is in the archive under its name, or other WAL is and this one is in quarantine. */
export type SegmentOutcome = 'archived' | 'quarantined'

/** A file on its way into the archive. */
interface OutgoingFile {
  /** Without what says how it is compressed; as it stands in messages and in the names of quarantine. */
  readonly name: string
  readonly key: string
  /** Begins a reading of its plain bytes. */
  readonly read: () => AsyncIterable<Uint8Array>
  /** Compares what the archive has with it. */
  readonly compare: typeof compareWithArchived
}

export interface SegmentArchiverOptions {
  readonly storage: Storage
  readonly codecs: CodecPipeline
  readonly layout: ArchiveLayout
  readonly wal: LocalWal
  readonly logger: Logger
  /** Encoded segments up to this size are held in memory; larger ones are encoded anew for each attempt. */
  readonly maxBufferedBytes: number
}

/**
 * Archives one segment at a time: verify, encode, put if absent, compare what the storage confirms (laws 3 to 5). One
 * instance works on one segment at a time and keeps its memory for the next.
 */
export class SegmentArchiver {
  readonly #options: SegmentArchiverOptions
  readonly #buffer: ObjectBuffer

  constructor(options: SegmentArchiverOptions) {
    this.#options = options
    // Encoding hardly ever makes a segment larger than it is.
    this.#buffer = new ObjectBuffer(Math.round(options.wal.walSegmentSize * 1.01) + 65_536)
  }

  /**
   * When it resolves, the segment is in the archive, and the storage has confirmed it. The local file is not touched.
   * @throws WalrError WALR_SEGMENT_CORRUPT, WALR_WRONG_CLUSTER, WALR_ARCHIVE_UNCONFIRMED and others; what the storage and
   * the codecs throw.
   */
  async archive(segment: SegmentItem, signal: AbortSignal): Promise<SegmentOutcome> {
    const { layout, codecs, wal } = this.#options
    const name = segment.walFileName
    const key = layout.segmentKey(name, codecs.suffix)
    return this.#archive({ name, key, read: () => readSegment(segment, wal), compare: compareWithArchived }, signal)
  }

  /**
   * As {@link archive}, for the segment in which a timeline was left. Behind its last record it holds whatever was in the file
   * before, so what is in the archive may differ there.
   */
  async archivePartial(segment: PartialItem, signal: AbortSignal): Promise<SegmentOutcome> {
    const { layout, codecs, wal } = this.#options
    const name = partialFileName(segment)
    const key = layout.partialKey(name, codecs.suffix)
    const startLsn = segmentStartLsn(segment.segmentNumber, wal.walSegmentSize)
    const compare = compareRecords(startLsn)
    return this.#archive({ name, key, read: () => readPartialSegment(segment, wal), compare }, signal)
  }

  async #archive(file: OutgoingFile, signal: AbortSignal): Promise<SegmentOutcome> {
    if (await this.#store(file, file.key, signal)) return 'archived'
    const found = await this.#compare(file, file.key, signal)
    if (found === 'equal') return 'archived'
    await this.#quarantine(file, found, signal)
    return 'quarantined'
  }

  /** @returns false when the name is taken. */
  async #store(file: OutgoingFile, key: string, signal: AbortSignal): Promise<boolean> {
    const { storage, wal, maxBufferedBytes } = this.#options
    const encode = (): AsyncIterable<Uint8Array> => this.#encode(file, key, signal)
    try {
      if (wal.walSegmentSize > maxBufferedBytes) {
        const counted = new CountedSource(encode)
        confirmSize(key, await storage.put(key, counted, { ifAbsent: true, signal }), counted.complete)
        return true
      }
      this.#buffer.clear()
      for await (const chunk of encode()) this.#buffer.add(chunk)
      const confirmation = await storage.put(key, this.#buffer.source(), { ifAbsent: true, signal })
      confirmSize(key, confirmation, this.#buffer.length)
      confirmChecksum(key, confirmation, this.#buffer)
      return true
    } catch (error) {
      // A plugin that was cut off may still be sending: it must not send the next segment's bytes.
      this.#buffer.drop()
      if (isStorageError(error, 'AlreadyExists')) return false
      throw error
    }
  }

  #encode(file: OutgoingFile, key: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const { codecs, layout } = this.#options
    return codecs.encode(file.read(), { objectKey: layout.boundKey(key), signal })
  }

  async #compare(file: OutgoingFile, key: string, signal: AbortSignal): Promise<Comparison> {
    const { storage, codecs, layout } = this.#options
    const context = { objectKey: layout.boundKey(key), signal }
    const decode = (coded: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> =>
      codecs.decode(codecs.suffix, coded, context)
    return file.compare({ storage, key, decode }, file.read(), signal)
  }

  async #quarantine(file: OutgoingFile, found: 'different' | 'damaged', signal: AbortSignal): Promise<void> {
    const { layout, codecs, logger } = this.#options
    const { name, key } = file
    const hash = createHash('sha256')
    for await (const chunk of file.read()) hash.update(chunk)
    const ownKey = layout.quarantineKey(name, hash.digest('hex').slice(0, 32), codecs.suffix)
    // Its digest is in the name: what is there under it is this segment, unless it was damaged as well.
    const isThere = !(await this.#store(file, ownKey, signal))
    if (isThere && (await this.#compare(file, ownKey, signal)) !== 'equal') {
      throw new WalrError('WALR_OBJECT_CORRUPT', `"${ownKey}" does not hold what its name says`, {
        hint: 'Delete that object: the local file is still there and will be stored again.',
      })
    }
    const why = found === 'different' ? 'other WAL' : 'something that does not decode'
    logger.error(`the archive has ${why} under the name of segment "${name}"`, {
      code: found === 'different' ? 'WALR_ARCHIVE_CONFLICT' : 'WALR_OBJECT_CORRUPT',
      detail: `The object is "${key}". What walr received was stored as "${ownKey}"; the local file stays, too.`,
      hint: 'Compare the two with pg_waldump. If two servers write as one cluster, stop one of them.',
      fields: { key, quarantineKey: ownKey, walFileName: name },
    })
  }
}

/** A source that is encoded for each reading, and knows how long the last complete one was. */
class CountedSource implements ByteSource {
  readonly size = undefined
  readonly #encode: () => AsyncIterable<Uint8Array>
  /** Bytes of the last complete reading. */
  complete = 0

  constructor(encode: () => AsyncIterable<Uint8Array>) {
    this.#encode = encode
  }

  async *open(): AsyncGenerator<Uint8Array, void, undefined> {
    let length = 0
    for await (const chunk of this.#encode()) {
      length += chunk.length
      yield chunk
    }
    this.complete = length
  }
}

/** Law 4: the local file may go only when the storage has all of it. */
function confirmSize(key: string, { size }: PutConfirmation, sent: number): void {
  if (size !== sent) throw unconfirmed(key, `a size of ${size} bytes, sent were ${sent}`)
}

function confirmChecksum(key: string, { checksum }: PutConfirmation, sent: ObjectBuffer): void {
  if (!checksum) return
  const own = checksumOf(checksum.algorithm, sent.bytes)
  if (own === undefined || own === checksum.value) return
  throw unconfirmed(key, `the ${checksum.algorithm} ${checksum.value}, that of what was sent is ${own}`)
}

function unconfirmed(key: string, what: string): WalrError {
  return new WalrError('WALR_ARCHIVE_UNCONFIRMED', `the storage confirmed "${key}" with ${what}`, {
    hint: 'The local file stays, and the object is compared with it at the next attempt.',
  })
}
