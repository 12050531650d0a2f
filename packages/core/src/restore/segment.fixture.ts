import { gzipSync, zstdCompressSync } from 'node:zlib'
import { compressFrameSync } from 'lz4-napi'
import { CRC32C_START, finishCrc32c, updateCrc32c } from '../wal/crc32c.ts'
import { parseSystemIdentifier, type SystemIdentifier } from '../wal/system-identifier.ts'

/** The segment size of the segments made here, in bytes. */
export const SEGMENT = 1_048_576

/** The system identifier of the cluster that they are of. */
export const CLUSTER = 7_710_454_860_644_512_687n
export const OWNER: SystemIdentifier = parseSystemIdentifier(String(CLUSTER)) ?? ('' as never)

const PAGE = 8192
const LONG_HEADER = 40
const SHORT_HEADER = 24
const RECORD = 200

export interface SegmentKind {
  readonly cluster?: bigint
  readonly timeline?: number
  /** Zeros follow behind so many bytes, wherever that is. */
  readonly written?: number
  /** Another one has other records. */
  readonly salt?: number
}

/** A segment as a server writes it: pages of records that are valid WAL. No record crosses a page. */
export function segment(name: string, { written = SEGMENT, ...kind }: SegmentKind = {}): Buffer {
  const bytes = Buffer.from(whole(name, kind))
  bytes.fill(0, written)
  return bytes
}

/** What is valid of a segment of which so many bytes were written: the rest is a record that is cut, and goes. */
export function validSegment(name: string, written: number): Buffer {
  let end = 0
  for (let page = 0; page < SEGMENT; page += PAGE) {
    const first = page + (page === 0 ? LONG_HEADER : SHORT_HEADER)
    for (let at = first; at < page + PAGE; at += RECORD) if (at <= written) end = at
    if (page + PAGE <= written) end = page + PAGE
  }
  return segment(name, { written: written >= SEGMENT ? SEGMENT : end })
}

const made = new Map<string, Buffer>()

function whole(name: string, { cluster = CLUSTER, timeline = 1, salt = 0 }: SegmentKind): Buffer {
  const key = [name, cluster, timeline, salt].join()
  const known = made.get(key)
  if (known !== undefined) return known
  const bytes = Buffer.alloc(SEGMENT)
  const startLsn = BigInt(Number.parseInt(name.slice(16), 16)) * BigInt(SEGMENT)
  let previous = startLsn - BigInt(RECORD)
  for (let page = 0; page < SEGMENT; page += PAGE) {
    writePageHeader(bytes, page, { address: startLsn + BigInt(page), cluster, timeline })
    for (let at = page + (page === 0 ? LONG_HEADER : SHORT_HEADER); at < page + PAGE; at += RECORD) {
      writeRecord(bytes.subarray(at, Math.min(at + RECORD, page + PAGE)), previous, salt)
      previous = startLsn + BigInt(at)
    }
  }
  made.set(key, bytes)
  return bytes
}

function writePageHeader(
  bytes: Buffer,
  at: number,
  { address, cluster, timeline }: { address: bigint; cluster: bigint; timeline: number },
): void {
  bytes.writeUInt16LE(0xd118, at)
  bytes.writeUInt16LE(at === 0 ? 2 : 0, at + 2)
  bytes.writeUInt32LE(timeline, at + 4)
  bytes.writeBigUInt64LE(address, at + 8)
  if (at > 0) return
  bytes.writeBigUInt64LE(cluster, 24)
  bytes.writeUInt32LE(SEGMENT, 32)
  bytes.writeUInt32LE(PAGE, 36)
}

function writeRecord(record: Buffer, previous: bigint, salt: number): void {
  record.writeUInt32LE(record.length, 0)
  record.writeUInt32LE(700, 4)
  record.writeBigUInt64LE(previous, 8)
  record.writeUInt8(10, 17)
  for (let at = 24; at < record.length; at++) record[at] = 1 + ((at + salt) % 251)
  const view = new DataView(record.buffer, record.byteOffset, record.length)
  const data = updateCrc32c(CRC32C_START, record, view, 24, record.length)
  record.writeUInt32LE(finishCrc32c(updateCrc32c(data, record, view, 0, 20)), 20)
}

/** What a file with each suffix holds. */
export const encode: Readonly<Record<'' | '.gz' | '.lz4' | '.zst', (bytes: Buffer) => Buffer>> = {
  '': (bytes: Buffer) => bytes,
  '.gz': (bytes: Buffer) => gzipSync(bytes, { level: 1 }),
  '.lz4': (bytes: Buffer) => compressFrameSync(bytes, { contentChecksum: true }),
  '.zst': (bytes: Buffer) => zstdCompressSync(bytes),
}
export const suffixes: readonly ['', '.gz', '.lz4', '.zst'] = ['', '.gz', '.lz4', '.zst']
