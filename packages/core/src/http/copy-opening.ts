import { WalrError } from '../errors/walr-error.ts'
import type { WalCopy } from '../restore/wal-source.ts'
import type { WantedFile } from '../restore/wanted-file.ts'
import { LONG_PAGE_HEADER_BYTES, parseLongPageHeader } from '../wal/page-header.ts'
import type { SystemIdentifier } from '../wal/system-identifier.ts'

/** A copy whose beginning was read, and found good. */
export interface OpenedCopy {
  /** Of the whole. */
  readonly size: number
  /** As the beginning says; undefined for files that say nothing of it. */
  readonly systemIdentifier: SystemIdentifier | undefined
  /** All bytes; chunks are borrowed until the next one is pulled. */
  readonly bytes: AsyncIterable<Uint8Array>
  /** To be called in any case, read or not. Idempotent. */
  close(): Promise<void>
}

/** Histories are far smaller. */
const MAX_SMALL_BYTES = 16_777_216 // 16 MiB

/**
 * Reads as much of a copy as its headers need: the page header of a segment, which knows how long segments are; all of
 * a small file.
 * @throws what the copy throws.
 */
export async function openCopy(copy: WalCopy, wanted: WantedFile, signal: AbortSignal): Promise<OpenedCopy> {
  const chunks = copy.open(signal)[Symbol.asyncIterator]()
  try {
    const isSegment = wanted.kind === 'segment' || wanted.kind === 'partial'
    return isSegment ? await openSegment(copy, chunks) : await openSmall(copy, chunks)
  } catch (error) {
    await close(chunks)
    throw error
  }
}

type Chunks = AsyncIterator<Uint8Array>

async function openSegment(copy: WalCopy, chunks: Chunks): Promise<OpenedCopy> {
  let head: Uint8Array = Buffer.alloc(0)
  for (;;) {
    const next = await chunks.next()
    if (next.done === true) throw damaged(copy, `has ${head.length} bytes`)
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value])
    if (head.length >= LONG_PAGE_HEADER_BYTES) break
    // What was read is borrowed.
    head = Buffer.from(head)
  }
  const header = parseLongPageHeader(head)
  if (typeof header === 'string') throw damaged(copy, header)
  const { systemIdentifier, walSegmentSize } = header
  return { size: walSegmentSize, systemIdentifier, bytes: joined(head, chunks), close: () => close(chunks) }
}

async function openSmall(copy: WalCopy, chunks: Chunks): Promise<OpenedCopy> {
  const content: Uint8Array[] = []
  let size = 0
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    size += next.value.length
    if (size > MAX_SMALL_BYTES) throw damaged(copy, 'is too large for such a file')
    content.push(Buffer.from(next.value))
  }
  return {
    size,
    systemIdentifier: undefined,
    bytes: joined(Buffer.concat(content), chunks),
    close: () => close(chunks),
  }
}

async function* joined(head: Uint8Array, chunks: Chunks): AsyncGenerator<Uint8Array, void, undefined> {
  yield head
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value
}

async function close(chunks: Chunks): Promise<void> {
  await chunks.return?.()
}

function damaged(copy: WalCopy, what: string): WalrError {
  return new WalrError('WALR_SEGMENT_CORRUPT', `${copy.description} ${what}`)
}
