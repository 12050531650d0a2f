import { CRC32C_START, finishCrc32c, updateCrc32c } from './crc32c.ts'
import { CLUSTER, SEGMENT } from './wal-bytes.fixture.ts'

/** What a {@link WalWriter} is to write. */
export type WalAction =
  /** A record with so many bytes of data. */
  | { readonly kind: 'record'; readonly dataBytes: number }
  /** `pg_switch_wal()` */
  | { readonly kind: 'switch' }
  /** A crash within a record of so many bytes, of which all pages but the last were written; then the server goes on. */
  | { readonly kind: 'crash'; readonly dataBytes: number }

/** Where a record of the made-up WAL is. */
export interface WrittenRecord {
  /** Counted from the first byte of the first segment. */
  readonly start: number
  /** Behind its last byte. */
  readonly end: number
  /** False when it was given up. */
  readonly isWhole: boolean
}

const PAGE = 8192
const LONG = 40
const SHORT = 24

/** Writes valid WAL of invented records, segment after segment, as PostgreSQL 15 does. */
export class WalWriter {
  readonly #firstSegment: number
  readonly #timelineId: number
  readonly #chunks: Buffer[] = []
  readonly #random: () => number
  readonly records: WrittenRecord[] = []
  #at = 0
  #previous = 0n

  constructor(firstSegment: number, seed = 1, timelineId = 1) {
    this.#firstSegment = firstSegment
    this.#timelineId = timelineId
    let state = seed >>> 0
    this.#random = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state
    }
  }

  run(actions: readonly WalAction[]): this {
    for (const action of actions) {
      if (action.kind === 'record') this.#write(this.#record(action.dataBytes, 10, 0))
      else if (action.kind === 'switch') this.#switch()
      else this.#crash(action.dataBytes)
    }
    return this
  }

  /** Bytes from the first segment's first on; the last segment is filled up with zeros. */
  get bytes(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  /** Where the last whole record ends. */
  get end(): number {
    return this.records.findLast(({ isWhole }) => isWhole)?.end ?? 0
  }

  /** The segments one by one. */
  get segments(): readonly Buffer[] {
    return this.#chunks
  }

  #record(dataBytes: number, resourceManager: number, info: number): Buffer {
    const record = Buffer.alloc(SHORT + dataBytes)
    record.writeUInt32LE(record.length, 0)
    record.writeUInt32LE(700, 4)
    record.writeUInt8(info, 16)
    record.writeUInt8(resourceManager, 17)
    for (let at = SHORT; at < record.length; at += 1) record.writeUInt8(this.#random() >>> 24, at)
    return record
  }

  #seal(record: Buffer): void {
    record.writeBigUInt64LE(this.#previous, 8)
    const view = new DataView(record.buffer, record.byteOffset, record.length)
    const data = updateCrc32c(CRC32C_START, record, view, SHORT, record.length)
    record.writeUInt32LE(finishCrc32c(updateCrc32c(data, record, view, 0, 20)), 20)
  }

  /** @param until gives the record up at the last page that it would reach; what is there was not written. */
  #write(record: Buffer, isGivenUp = false): void {
    this.#at += -this.#at & 7
    this.#enterPage(0)
    const start = this.#at
    this.#seal(record)
    for (let from = 0; from < record.length;) {
      this.#enterPage(record.length - from)
      const length = Math.min(record.length - from, PAGE - (this.#at % PAGE))
      if (isGivenUp && from + length === record.length) {
        // The page has no more than a header yet, and gets another one.
        const pageStart = this.#at - (this.#at % PAGE)
        this.#at = pageStart
        this.#header(pageStart, 0x0008, 0)
        this.records.push({ start, end: pageStart, isWhole: false })
        this.#write(this.#record(18, 0, 0xd0))
        return
      }
      this.#put(record.subarray(from, from + length))
      from += length
    }
    this.records.push({ start, end: this.#at, isWhole: true })
    this.#previous = BigInt(this.#firstSegment) * BigInt(SEGMENT) + BigInt(start)
  }

  #crash(dataBytes: number): void {
    // Long enough to reach the next page.
    this.#write(this.#record(Math.max(dataBytes, PAGE), 10, 0), true)
  }

  #switch(): void {
    this.#write(this.#record(0, 0, 0x40))
    this.#at += (SEGMENT - (this.#at % SEGMENT)) % SEGMENT
  }

  /** Writes the header of a page that begins here. */
  #enterPage(rest: number): void {
    if (this.#at % PAGE === 0) this.#header(this.#at, rest > 0 ? 0x0001 : 0, rest)
  }

  #header(pageStart: number, info: number, rest: number): void {
    const address = BigInt(this.#firstSegment) * BigInt(SEGMENT) + BigInt(pageStart)
    const isFirst = pageStart % SEGMENT === 0
    const header = Buffer.alloc(isFirst ? LONG : SHORT)
    header.writeUInt16LE(0xd110, 0)
    header.writeUInt16LE(info | (isFirst ? 0x0002 : 0), 2)
    header.writeUInt32LE(this.#timelineId, 4)
    header.writeBigUInt64LE(address, 8)
    header.writeUInt32LE(rest, 16)
    if (isFirst) {
      header.writeBigUInt64LE(BigInt(CLUSTER), 24)
      header.writeUInt32LE(SEGMENT, 32)
      header.writeUInt32LE(PAGE, 36)
    }
    this.#put(header)
  }

  #put(bytes: Buffer): void {
    const index = Math.floor(this.#at / SEGMENT)
    while (this.#chunks.length <= index) this.#chunks.push(Buffer.alloc(SEGMENT))
    this.#chunks[index]?.set(bytes, this.#at % SEGMENT)
    this.#at += bytes.length
  }
}
