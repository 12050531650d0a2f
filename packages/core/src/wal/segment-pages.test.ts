import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isWalrError } from '../errors/walr-error.ts'
import { formatLsn, toLsn } from './lsn.ts'
import type { ExpectedSegment } from './page-header.ts'
import { SegmentPages } from './segment-pages.ts'
import { toTimelineId } from './timeline-id.ts'
import { CLUSTER, OTHER_CLUSTER, SEGMENT } from './wal-bytes.fixture.ts'

const NUMBER = 5
const expected: ExpectedSegment = {
  systemIdentifier: CLUSTER,
  walSegmentSize: SEGMENT,
  startLsn: toLsn(BigInt(NUMBER) * BigInt(SEGMENT)),
  timelineId: toTimelineId(3),
}

/** A whole segment of timeline 3 as PostgreSQL 15 lays it out, with pages of `pageSize` bytes. */
function pages(pageSize = 8192): Buffer {
  const bytes = Buffer.alloc(SEGMENT, 0xa5)
  for (let at = 0; at < SEGMENT; at += pageSize) {
    bytes.writeUInt16LE(0xd110, at)
    bytes.writeUInt16LE(at === 0 ? 2 : 0, at + 2)
    bytes.writeUInt32LE(3, at + 4)
    bytes.writeBigUInt64LE(expected.startLsn + BigInt(at), at + 8)
    bytes.writeUInt32LE(0, at + 16)
  }
  bytes.writeUInt32LE(0, 20)
  bytes.writeBigUInt64LE(BigInt(CLUSTER), 24)
  bytes.writeUInt32LE(SEGMENT, 32)
  bytes.writeUInt32LE(pageSize, 36)
  return bytes
}

function changed(change: (bytes: Buffer) => unknown, pageSize?: number): Buffer {
  const bytes = pages(pageSize)
  change(bytes)
  return bytes
}

/** `ok`, or the code and the message of what was found. */
function verdict(chunks: Iterable<Uint8Array>, wanted: ExpectedSegment = expected): string {
  const checked = new SegmentPages('the-segment', wanted)
  try {
    for (const chunk of chunks) checked.add(chunk)
    checked.finish()
    return 'ok'
  } catch (error) {
    if (!isWalrError(error)) throw error
    return `${error.code} ${error.message}`
  }
}

const PAGE_9 = 8192 * 9
const at9 = formatLsn(toLsn(expected.startLsn + BigInt(PAGE_9)))

describe('a segment page by page', () => {
  it.each([1024, 2048, 4096, 8192, 16_384, 32_768, 65_536])('is good with pages of %i bytes', (pageSize) => {
    expect(verdict([pages(pageSize)])).toBe('ok')
  })

  it.each([0, 1, 512, 1000, 12_288, 131_072, 0xffff_ffff])('is not WAL with pages of %i bytes', (pageSize) => {
    expect(verdict([changed((bytes) => bytes.writeUInt32LE(pageSize, 36))])).toContain('WALR_SEGMENT_CORRUPT')
  })

  it.each<[string, (bytes: Buffer) => unknown, string]>([
    ['magic', (bytes) => bytes.writeUInt16LE(0x1234, 0), 'WALR_SEGMENT_CORRUPT'],
    ['byte order', (bytes) => bytes.writeUInt16BE(0xd110, 0), 'WALR_SEGMENT_CORRUPT'],
    ['missing long header', (bytes) => bytes.writeUInt16LE(0, 2), 'WALR_SEGMENT_CORRUPT'],
    ['timeline 0', (bytes) => bytes.writeUInt32LE(0, 4), 'WALR_SEGMENT_CORRUPT'],
    ['newer timeline', (bytes) => bytes.writeUInt32LE(4, 4), 'WALR_SEGMENT_CORRUPT'],
    ['address', (bytes) => bytes.writeBigUInt64LE(expected.startLsn + 8192n, 8), 'WALR_SEGMENT_CORRUPT'],
    ['system identifier', (bytes) => bytes.writeBigUInt64LE(BigInt(OTHER_CLUSTER), 24), 'WALR_WRONG_CLUSTER'],
    ['segment size', (bytes) => bytes.writeUInt32LE(SEGMENT * 16, 32), 'WALR_WRONG_SEGMENT_SIZE'],
    ['first page, all zero', (bytes) => bytes.fill(0, 0, 8192), 'WALR_SEGMENT_CORRUPT'],
  ])('is refused for a wrong first page: %s', (_, change, code) => {
    const found = verdict([changed(change)])
    expect(found).toMatch(new RegExp(`^${code} segment "the-segment" `))
  })

  it.each<[string, (bytes: Buffer) => unknown, string]>([
    ['another magic', (bytes) => bytes.writeUInt16LE(0xd113, PAGE_9), `has page magic 0xd113 at ${at9}`],
    ['no magic', (bytes) => bytes.writeUInt16LE(0, PAGE_9), `has page magic 0x0 at ${at9}`],
    ['timeline 0', (bytes) => bytes.writeUInt32LE(0, PAGE_9 + 4), `has a page of timeline 0 at ${at9}`],
    ['a newer timeline', (bytes) => bytes.writeUInt32LE(4, PAGE_9 + 4), `has a page of timeline 4 at ${at9}`],
    [
      'the address of a recycled file',
      (bytes) => bytes.writeBigUInt64LE(expected.startLsn - BigInt(SEGMENT) + BigInt(PAGE_9), PAGE_9 + 8),
      `has a page of 0/412000 at ${at9}`,
    ],
    ['no address', (bytes) => bytes.writeBigUInt64LE(0n, PAGE_9 + 8), `has a page of 0/0 at ${at9}`],
  ])('is refused for a further page with %s, and says where it is', (_, change, message) => {
    expect(verdict([changed(change)])).toBe(`WALR_SEGMENT_CORRUPT segment "the-segment" ${message}`)
  })

  it('may have pages of older timelines, as a promotion in mid segment leaves them', () => {
    const promoted = changed((bytes) => {
      for (let at = 0; at < PAGE_9; at += 8192) bytes.writeUInt32LE(1, at + 4)
    })
    expect(verdict([promoted])).toBe('ok')
  })

  it('is of any timeline when none is expected', () => {
    expect(verdict([pages()], { ...expected, timelineId: undefined })).toBe('ok')
  })

  it('ends in zeros from a switch of segments on', () => {
    expect(verdict([changed((bytes) => bytes.fill(0, 8192))])).toBe('ok')
    expect(verdict([changed((bytes) => bytes.fill(0, PAGE_9))])).toBe('ok')
    expect(verdict([changed((bytes) => bytes.fill(0, SEGMENT - 8192))])).toBe('ok')
  })

  it('has lost a write when WAL follows on a page of zeros', () => {
    expect(verdict([changed((bytes) => bytes.fill(0, PAGE_9, PAGE_9 + 8192))])).toContain('WALR_SEGMENT_CORRUPT')
    expect(verdict([changed((bytes) => bytes.fill(0, 8192, SEGMENT - 8192))])).toContain('WALR_SEGMENT_CORRUPT')
  })

  it('is refused when it is cut anywhere, or longer', () => {
    const good = pages()
    for (const length of [0, 1, 19, 20, 39, 40, 41, 8191, 8192, 8193, 8212, PAGE_9, SEGMENT - 8192, SEGMENT - 1]) {
      expect(verdict([good.subarray(0, length)])).toBe(
        `WALR_SEGMENT_CORRUPT segment "the-segment" has ${length} bytes, not ${SEGMENT}`,
      )
    }
    expect(verdict([good, Buffer.alloc(1)])).toContain(`has ${SEGMENT + 1} bytes`)
    expect(verdict([good, good])).toContain('WALR_SEGMENT_CORRUPT')
  })

  it('has the same verdict wherever a header is split, good or not', () => {
    const wrong = changed((bytes) => bytes.writeUInt8(0xff, PAGE_9 + 15))
    for (const bytes of [pages(), wrong]) {
      const whole = verdict([bytes])
      for (let cut = 0; cut <= 41; cut += 1) {
        expect(verdict([bytes.subarray(0, cut), bytes.subarray(cut)])).toBe(whole)
        const inPage9 = PAGE_9 + cut
        expect(verdict([bytes.subarray(0, inPage9), bytes.subarray(inPage9)])).toBe(whole)
      }
    }
  })

  it('has the same verdict in any chunks', () => {
    const lastPage = SEGMENT - 8192
    const variants = [
      pages(),
      changed((bytes) => bytes.fill(0, PAGE_9)),
      changed((bytes) => bytes.fill(0, PAGE_9, PAGE_9 + 8192)),
      changed((bytes) => bytes.writeUInt32LE(9, lastPage + 4)),
      changed((bytes) => bytes.writeUInt16LE(0xd10d, 8192)),
      pages().subarray(0, SEGMENT - 3),
    ]
    const whole = variants.map((bytes) => verdict([bytes]))
    const sizes = fc.array(fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 20_000 })), {
      minLength: 1,
      maxLength: 40,
    })
    fc.assert(
      fc.property(fc.nat(variants.length - 1), sizes, (index, lengths) => {
        const bytes = variants[index] ?? expect.unreachable()
        expect(verdict(inChunks(bytes, lengths))).toBe(whole[index])
      }),
      { numRuns: 150 },
    )
  })

  it('is found out when any single byte of a compared header field is another one', () => {
    const good = pages()
    // Magic, timeline and address of any page behind the first.
    const fields = [0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: SEGMENT / 8192 - 1 }),
        fc.constantFrom(...fields),
        fc.integer({ min: 1, max: 255 }),
        (page, field, flip) => {
          const at = page * 8192 + field
          const before = good.readUInt8(at)
          // Timelines 1 to 3 are all right there.
          fc.pre(field !== 4 || (before ^ flip) === 0 || (before ^ flip) > 3)
          good.writeUInt8(before ^ flip, at)
          try {
            expect(verdict([good])).toContain('WALR_SEGMENT_CORRUPT')
          } finally {
            good.writeUInt8(before, at)
          }
        },
      ),
      { numRuns: 200 },
    )
  })
})

/** `bytes` in pieces of these lengths, and the rest in one. */
function* inChunks(bytes: Buffer, lengths: readonly number[]): Generator<Buffer> {
  let at = 0
  for (const length of lengths) {
    yield bytes.subarray(at, at + length)
    at += length
  }
  yield bytes.subarray(at)
}
