import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseLsn, toLsn } from './lsn.ts'
import { checkSegmentHeader, LONG_PAGE_HEADER_BYTES, parseLongPageHeader, type ExpectedSegment } from './page-header.ts'
import { FIRST_PAGES, PROMOTED_PAGES, RECYCLED_PAGES } from './postgres-facts.fixture.ts'
import { parseSystemIdentifier, type SystemIdentifier } from './system-identifier.ts'
import { toTimelineId } from './timeline-id.ts'
import { isWalFileName, segmentStartLsn, walFileSegment } from './wal-file-name.ts'
import { toWalSegmentSize } from './wal-segment-size.ts'

const bytesOf = (hex: string): Buffer => Buffer.from(hex, 'hex')
const cluster = (text: string): SystemIdentifier => parseSystemIdentifier(text) ?? expect.unreachable()
const [, , header18, identifier18] = FIRST_PAGES.at(-1) ?? expect.unreachable()
const expected18: ExpectedSegment = {
  systemIdentifier: cluster(identifier18),
  walSegmentSize: toWalSegmentSize(16_777_216),
  startLsn: parseLsn('0/1000000') ?? expect.unreachable(),
  timelineId: toTimelineId(1),
}
const changed = (at: number, ...values: readonly number[]): Buffer => {
  const bytes = bytesOf(header18)
  bytes.set(values, at)
  return bytes
}

function expectedFor(name: string): ExpectedSegment {
  const walSegmentSize = toWalSegmentSize(1_048_576)
  const segment = isWalFileName(name) ? walFileSegment(name, walSegmentSize) : undefined
  if (segment === undefined) expect.unreachable()
  return {
    systemIdentifier: cluster('7710455225707828463'),
    walSegmentSize,
    startLsn: segmentStartLsn(segment.segmentNumber, walSegmentSize),
    timelineId: segment.timelineId,
  }
}

describe('the page header of a segment', () => {
  it.each(FIRST_PAGES)('is read as PostgreSQL %i wrote it', (serverMajor, magic, hex, systemIdentifier) => {
    expect(parseLongPageHeader(bytesOf(hex))).toEqual({
      magic,
      serverMajor,
      info: 2,
      timelineId: 1,
      pageAddress: toLsn(0x100_0000n),
      systemIdentifier,
      walSegmentSize: 16_777_216,
      blockSize: 8192,
    })
    const expected = { ...expected18, systemIdentifier: cluster(systemIdentifier) }
    expect(checkSegmentHeader(bytesOf(hex), expected).kind).toBe('ok')
  })

  it.each(PROMOTED_PAGES)('of %s may hold an older timeline: %i', (name, headerTimeline, hex) => {
    const check = checkSegmentHeader(bytesOf(hex), expectedFor(name))
    expect(check).toMatchObject({ kind: 'ok', header: { timelineId: headerTimeline } })
  })

  it.each(RECYCLED_PAGES)('shows that the file %s still holds another segment', (name, hex) => {
    expect(checkSegmentHeader(bytesOf(hex), expectedFor(name)).kind).toBe('wrong-address')
  })

  it('of a server newer than the table is accepted and marked', () => {
    const check = checkSegmentHeader(changed(0, 0x7a, 0xd1), expected18)
    expect(check).toMatchObject({ kind: 'ok', header: { magic: 0xd17a, serverMajor: undefined } })
  })

  it('compares only what is expected', () => {
    const { walSegmentSize, startLsn } = expected18
    expect(checkSegmentHeader(changed(24, 1, 2, 3), { walSegmentSize, startLsn }).kind).toBe('ok')
    expect(checkSegmentHeader(changed(4, 9), { walSegmentSize, startLsn }).kind).toBe('ok')
  })

  it.each([
    ['another cluster', changed(24, 1), 'wrong-cluster', 'belongs to the cluster 77104548'],
    ['another segment size', changed(34, 0x10, 0), 'wrong-segment-size', 'segments of 1048576 bytes, not 16777216'],
    ['another segment', changed(11, 2), 'wrong-address', 'starts at 0/2000000 by its page header, not at 0/1000000'],
    ['a later timeline', changed(4, 2), 'wrong-timeline', 'timeline 2'],
    ['timeline 0', changed(4, 0), 'wrong-timeline', 'timeline 0'],
    ['PostgreSQL 12', changed(0, 0x01, 0xd1), 'not-wal', 'older than 13'],
    ['PostgreSQL 9.6', changed(0, 0x93, 0xd0), 'not-wal', 'older than 13'],
    ['a big-endian server', changed(0, 0xd1, 0x18), 'not-wal', 'big-endian'],
    ['something else', changed(0, 0x1f, 0x8b), 'not-wal', 'is not WAL: its page magic is 0x8B1F'],
    ['a later page of a segment', changed(2, 0), 'not-wal', 'first page'],
    ['a file cut short', bytesOf(header18).subarray(0, 39), 'not-wal', 'too short for a page header: 39 bytes'],
    ['no byte', new Uint8Array(0), 'not-wal', 'too short for a page header: 0 bytes'],
  ])('of %s is refused', (_what, bytes, kind, message) => {
    const check = checkSegmentHeader(bytes, expected18)
    expect(check).toMatchObject({ kind, message: expect.stringContaining(message) as string })
  })

  it('that is all zero is a padded segment that was never written', () => {
    expect(checkSegmentHeader(new Uint8Array(8192), expected18)).toEqual({ kind: 'empty' })
    const written = new Uint8Array(8192)
    written[8191] = 1
    expect(checkSegmentHeader(written, expected18).kind).toBe('not-wal')
  })

  it('never throws, and is not accepted when a byte of address, cluster or size differs', () => {
    const checked = fc.oneof(fc.integer({ min: 8, max: 15 }), fc.integer({ min: 24, max: 35 }))
    fc.assert(
      fc.property(checked, fc.integer({ min: 1, max: 255 }), (at, difference) => {
        const bytes = bytesOf(header18)
        bytes[at] = (bytes[at] ?? 0) ^ difference
        expect(checkSegmentHeader(bytes, expected18).kind).not.toBe('ok')
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: LONG_PAGE_HEADER_BYTES }), (bytes) => {
        expect(checkSegmentHeader(bytes, expected18).kind).not.toBe('ok')
      }),
    )
  })

  it('is found wherever the bytes lie in their buffer', () => {
    const buffer = Buffer.concat([Buffer.alloc(3), bytesOf(header18), Buffer.alloc(3)])
    expect(checkSegmentHeader(buffer.subarray(3, 43), expected18).kind).toBe('ok')
  })
})
