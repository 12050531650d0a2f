const PAGE_BYTES = 8192
const SHORT_HEADER_BYTES = 24
const LONG_HEADER_BYTES = 40
const LONG_HEADER = 0x0002

/** `XLOG_PAGE_MAGIC` of each major version (`access/xlog_internal.h`). */
export const PAGE_MAGIC: Readonly<Record<13 | 14 | 15 | 16 | 17 | 18, number>> = {
  13: 0xd106,
  14: 0xd10d,
  15: 0xd110,
  16: 0xd113,
  17: 0xd116,
  18: 0xd118,
}

/** Whose WAL is made up. */
export interface MadeUpWalOptions {
  readonly systemIdentifier?: string
  /** Bytes; 1 MiB when absent. */
  readonly walSegmentSize?: number
  readonly majorVersion?: 13 | 14 | 15 | 16 | 17 | 18
  readonly timelineId?: number
  /** Earlier timelines, oldest first, each with the LSN at which the next one begins. */
  readonly ancestors?: readonly { readonly timelineId: number; readonly endLsn: bigint }[]
}

/**
 * WAL with true page headers and made-up contents: no records that PostgreSQL could replay, but bytes that depend on nothing
 * but position and timeline, so that a test can say what any file must hold. Positions are LSNs as bigint.
 */
export class MadeUpWal {
  readonly systemIdentifier: string
  readonly walSegmentSize: number
  readonly timelineId: number
  readonly #magic: number
  readonly #ancestors: readonly { readonly timelineId: number; readonly endLsn: bigint }[]

  constructor(options: MadeUpWalOptions = {}) {
    this.systemIdentifier = options.systemIdentifier ?? '7400000000000000001'
    this.walSegmentSize = options.walSegmentSize ?? 1_048_576
    this.timelineId = options.timelineId ?? 1
    this.#magic = PAGE_MAGIC[options.majorVersion ?? 15]
    this.#ancestors = options.ancestors ?? []
  }

  /** The bytes from `startLsn` up to, not including, `endLsn`. */
  read(startLsn: bigint, endLsn: bigint): Buffer {
    const pageSize = BigInt(PAGE_BYTES)
    const firstPage = startLsn - (startLsn % pageSize)
    const pages: Buffer[] = []
    for (let lsn = firstPage; lsn < endLsn; lsn += pageSize) pages.push(this.#page(lsn))
    const skip = Number(startLsn - firstPage)
    return Buffer.concat(pages).subarray(skip, skip + Number(endLsn - startLsn))
  }

  /** The whole segment that begins at `startLsn`. */
  segment(startLsn: bigint): Buffer {
    return this.read(startLsn, startLsn + BigInt(this.walSegmentSize))
  }

  /** The text of this timeline's history file. */
  history(): string {
    return this.#ancestors
      .map(({ timelineId, endLsn }) => {
        const lsn = `${(endLsn >> 32n).toString(16)}/${(endLsn & 0xffff_ffffn).toString(16)}`.toUpperCase()
        return `${timelineId}\t${lsn}\tno recovery target specified\n`
      })
      .join('')
  }

  /** A server writes the timeline that it is on when it fills the page; the rest of a page that was begun keeps its header. */
  #timelineOf(lsn: bigint): number {
    return this.#ancestors.find(({ endLsn }) => lsn < endLsn)?.timelineId ?? this.timelineId
  }

  #page(pageLsn: bigint): Buffer {
    const page = Buffer.alloc(PAGE_BYTES)
    for (let at = 0; at < PAGE_BYTES; at += 8) {
      const lsn = pageLsn + BigInt(at)
      page.writeBigUInt64LE(BigInt.asUintN(64, lsn * 0x9e37_79b9_7f4a_7c15n + BigInt(this.#timelineOf(lsn))), at)
    }
    const first = pageLsn % BigInt(this.walSegmentSize) === 0n
    page.fill(0, 0, first ? LONG_HEADER_BYTES : SHORT_HEADER_BYTES)
    page.writeUInt16LE(this.#magic, 0)
    page.writeUInt16LE(first ? LONG_HEADER : 0, 2)
    page.writeUInt32LE(this.#timelineOf(pageLsn), 4)
    page.writeBigUInt64LE(pageLsn, 8)
    if (first) {
      page.writeBigUInt64LE(BigInt(this.systemIdentifier), 24)
      page.writeUInt32LE(this.walSegmentSize, 32)
      page.writeUInt32LE(PAGE_BYTES, 36)
    }
    return page
  }
}
