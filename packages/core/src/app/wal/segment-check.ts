import { nodeDisk } from '../../disk/node-disk.ts'
import { join } from 'node:path'
import { isSystemError } from '../../errors/system-error.ts'
import { isWalrError, WalrError } from '../../errors/walr-error.ts'
import { isCodecError, isStorageError } from '../../plugins/contract/index.ts'
import { archiveFailure } from '../../archive/archive-error.ts'
import { decodeSegment } from '../../wal/compression/segment-decoder.ts'
import { checkSegmentHeader, LONG_PAGE_HEADER_BYTES, type ExpectedSegment } from '../../wal/page-header.ts'
import { readWholeFile } from '../../wal/read-whole-file.ts'
import type { SegmentRecords } from '../../wal/record-edges.ts'
import { RecordScanner } from '../../wal/record-scanner.ts'
import type { SegmentSuffix } from '../../wal/segment-directory.ts'
import { SegmentPages } from '../../wal/segment-pages.ts'
import type { OpenedArchive } from '../archive/open-archive.ts'
import type { SegmentCheck, SegmentOutcome, SegmentVerdict } from './verify-messages.ts'

/** What a check reads from. */
export interface CheckedPlaces {
  readonly archive: OpenedArchive | undefined
}

/** An attempt that failed with an outage is followed by others, after these times. */
const RETRY_MS = [1000, 4000]

/**
 * Fetches a segment, decodes it, and looks at all of it.
 * @param wait for a time, or until the signal is aborted.
 * @throws the reason of `signal`.
 */
export async function checkSegment(
  check: SegmentCheck,
  places: CheckedPlaces,
  signal: AbortSignal,
  wait: (ms: number) => Promise<void>,
): Promise<SegmentOutcome> {
  for (let attempt = 0; ; attempt += 1) {
    const meter = { stored: 0, plain: 0 }
    try {
      const records = await readSegment(check, places, meter, signal)
      return outcome(check, meter, { kind: 'good' }, records)
    } catch (error) {
      signal.throwIfAborted()
      const delayMs = RETRY_MS[attempt]
      if (isStorageError(error, 'Transient') && delayMs !== undefined) await wait(delayMs)
      else return outcome(check, meter, verdictOf(error), undefined)
    }
  }
}

interface Meter {
  stored: number
  plain: number
}

async function readSegment(
  check: SegmentCheck,
  places: CheckedPlaces,
  meter: Meter,
  signal: AbortSignal,
): Promise<SegmentRecords | undefined> {
  const { name, expected, isUnfinished, deep, storedBytes } = check
  const pages = isUnfinished ? new FirstPage(name, expected) : new SegmentPages(name, expected)
  const scanner = deep ? new RecordScanner(expected) : undefined
  for await (const chunk of await plainBytes(check, places, meter, signal)) {
    signal.throwIfAborted()
    meter.plain += chunk.length
    // It may never end.
    if (meter.plain > expected.walSegmentSize) throw corrupt(name, `has more than ${expected.walSegmentSize} bytes`)
    pages.add(chunk)
    scanner?.add(chunk)
  }
  pages.finish()
  if (meter.stored !== storedBytes && !isUnfinished) {
    throw corrupt(name, `has ${meter.stored} bytes, and ${storedBytes} in the listing`)
  }
  return scanner?.records
}

async function plainBytes(
  { source, isUnfinished }: SegmentCheck,
  { archive }: CheckedPlaces,
  meter: Meter,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  if (source.kind === 'file') {
    const stored = measured(readWholeFile(nodeDisk, join(source.directory, source.fileName)), meter)
    const suffix = source.suffix as SegmentSuffix
    return suffix === '' ? stored : decodeSegment(suffix, stored, { tolerateCut: isUnfinished })
  }
  if (!archive) throw new WalrError('WALR_INTERNAL', 'no archive is open')
  const stored = measured(await archive.storage.get(source.key, { signal }), meter)
  return archive.codecs.decode(source.suffixes, stored, { objectKey: source.boundKey, signal })
}

async function* measured(chunks: AsyncIterable<Uint8Array>, meter: Meter): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    meter.stored += chunk.length
    yield chunk
  }
}

/** Of an unfinished segment only the first page is known to be there: the others may be of what the file was before. */
class FirstPage {
  readonly #name: string
  readonly #expected: ExpectedSegment
  readonly #head: Buffer = Buffer.alloc(LONG_PAGE_HEADER_BYTES)
  #have = 0

  constructor(name: string, expected: ExpectedSegment) {
    this.#name = name
    this.#expected = expected
  }

  add(bytes: Uint8Array): void {
    const part = bytes.subarray(0, LONG_PAGE_HEADER_BYTES - this.#have)
    this.#head.set(part, this.#have)
    this.#have += part.length
  }

  finish(): void {
    if (this.#have < LONG_PAGE_HEADER_BYTES) return
    const check = checkSegmentHeader(this.#head, this.#expected)
    if (check.kind === 'ok' || check.kind === 'empty') return
    const code = check.kind === 'wrong-cluster' ? 'WALR_WRONG_CLUSTER' : 'WALR_SEGMENT_CORRUPT'
    throw new WalrError(code, `segment "${this.#name}" ${check.message}`)
  }
}

function outcome(
  { id }: SegmentCheck,
  { stored, plain }: Meter,
  verdict: SegmentVerdict,
  records: SegmentRecords | undefined,
): SegmentOutcome {
  return { id, storedBytes: stored, plainBytes: plain, verdict, records }
}

function verdictOf(error: unknown): SegmentVerdict {
  if (isStorageError(error, 'NotFound') || isSystemError(error, 'ENOENT')) return { kind: 'gone' }
  if (isCodecError(error, 'WrongKey')) return { kind: 'wrong-key', code: 'WALR_KEY', message: error.message }
  if (isCodecError(error, 'Corrupt')) return { kind: 'damaged', code: 'WALR_OBJECT_CORRUPT', message: error.message }
  if (isStorageError(error)) {
    const { code, message } = archiveFailure('read it', error).error
    return { kind: 'unreadable', code, message }
  }
  if (isWalrError(error, 'WALR_SEGMENT_CORRUPT', 'WALR_WRONG_CLUSTER', 'WALR_WRONG_SEGMENT_SIZE')) {
    return { kind: 'damaged', code: error.code, message: error.message }
  }
  const { code, message } = archiveFailure('read it', error).error
  return { kind: 'unreadable', code, message }
}

function corrupt(name: string, what: string): WalrError {
  return new WalrError('WALR_SEGMENT_CORRUPT', `segment "${name}" ${what}`)
}
