import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toLsn } from './lsn.ts'
import { followSegment, type ChainEnd } from './record-chain.ts'
import { chainEndText, parseChainEnd } from './record-chain-text.ts'
import type { SegmentRecords } from './record-edges.ts'
import { RecordScanner } from './record-scanner.ts'
import { WalWriter, type WalAction } from './record-wal.fixture.ts'
import { SEGMENT, segmentLsn } from './wal-bytes.fixture.ts'

const FIRST = 5

function scan(bytes: Uint8Array, segmentNumber = FIRST, chunk = Infinity): RecordScanner {
  const scanner = new RecordScanner({ startLsn: segmentLsn(segmentNumber) })
  for (let at = 0; at < bytes.length; at += Math.min(chunk, bytes.length)) {
    // Each piece in memory of its own, at odd addresses.
    const piece = Buffer.alloc(Math.min(chunk, bytes.length - at) + 1).subarray(1)
    piece.set(bytes.subarray(at, at + chunk))
    scanner.add(piece)
  }
  return scanner
}

/** What `wal verify --deep` does: each segment by itself, then their edges. @returns all that is wrong. */
function verify(segments: readonly Uint8Array[]): readonly string[] {
  const faults: string[] = []
  let end: ChainEnd | undefined
  for (const [index, bytes] of segments.entries()) {
    const records: SegmentRecords = scan(bytes, FIRST + index).records
    const followed = followSegment(end, records)
    const found = records.fault ?? followed.fault?.what ?? (records.stray === undefined ? undefined : 'stray bytes')
    if (found !== undefined) faults.push(found)
    // As a resumed verification gets it.
    end = followed.end && parseChainEnd(JSON.parse(JSON.stringify(chainEndText(followed.end))))
    if (followed.end !== undefined) expect(end).toEqual({ ...followed.end, ...(end?.open && { open: end.open }) })
  }
  return faults
}

const actions = fc.array(
  fc.oneof(
    { weight: 20, arbitrary: fc.record({ kind: fc.constant('record' as const), dataBytes: fc.nat(300) }) },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('record' as const), dataBytes: fc.nat(20_000) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('record' as const), dataBytes: fc.nat(2_500_000) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash' as const), dataBytes: fc.nat(30_000) }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'switch' as const }) },
  ),
  { minLength: 1, maxLength: 60 },
)

/** Fills up to shortly before the end of a segment, so that what follows is on the edge. */
function fillTo(offset: number): WalAction[] {
  // A record of 8168 bytes with its header is what a page has room for.
  const pages = Math.floor(offset / 8192)
  const full: WalAction[] = Array.from({ length: pages }, (_, page) => ({
    kind: 'record',
    dataBytes: page === 0 ? 8192 - 40 - 24 : 8192 - 24 - 24,
  }))
  const rest = offset - pages * 8192 - 24 - 24
  return [...full, { kind: 'record', dataBytes: rest }]
}

describe('the records of a segment', () => {
  it('are followed to the last whole one', () => {
    const wal = new WalWriter(FIRST).run([
      { kind: 'record', dataBytes: 100 },
      { kind: 'record', dataBytes: 20_000 },
      { kind: 'record', dataBytes: 3 },
    ])
    const scanner = scan(wal.bytes)
    expect(scanner.validEndOffset).toBe(wal.end)
    expect(scanner.records).toMatchObject({ recordCount: 3, end: 'zeros', head: undefined, tail: undefined })
    expect(scanner.records.fault).toBeUndefined()
    expect(scanner.records.stray).toBeUndefined()
  })

  it('end with a switch', () => {
    const wal = new WalWriter(FIRST).run([{ kind: 'record', dataBytes: 100 }, { kind: 'switch' }])
    expect(scan(wal.bytes)).toMatchObject({ validEndOffset: wal.end, records: { end: 'switch', fault: undefined } })
  })

  it('of valid WAL are all good, over segments, crashes and switches', () => {
    fc.assert(
      fc.property(actions, fc.integer(), (list, seed) => {
        const { segments } = new WalWriter(FIRST, seed).run(list)
        expect(verify(segments)).toEqual([])
      }),
      { numRuns: 25 },
    )
  })

  it.each([8, 16, 24, 32, 64, 104, 112])('on the edge of a segment are joined, %i bytes before it', (before) => {
    for (const last of [
      { kind: 'record', dataBytes: 80 },
      { kind: 'switch' },
      { kind: 'record', dataBytes: 0 },
      { kind: 'record', dataBytes: 3_000_000 },
    ] as const) {
      const wal = new WalWriter(FIRST).run([
        ...fillTo(SEGMENT - before),
        last,
        { kind: 'record', dataBytes: 5 },
        { kind: 'switch' },
      ])
      expect(wal.records.some(({ start }) => start === SEGMENT - before)).toBe(true)
      expect(verify(wal.segments)).toEqual([])
    }
  })

  it('notice each altered byte, and never go beyond it', () => {
    fc.assert(
      fc.property(actions, fc.integer(), fc.nat(), fc.integer({ min: 1, max: 255 }), (list, seed, place, mask) => {
        const wal = new WalWriter(FIRST, seed).run(list)
        const segments = wal.segments.map((segment) => Buffer.from(segment))
        const index = Math.floor((place % wal.bytes.length) / SEGMENT)
        const offset = place % SEGMENT
        const segment = segments[index]
        const absolute = index * SEGMENT + offset
        const record = wal.records.find(({ start, end }) => start <= absolute && absolute < end)
        // Of a record that was given up nothing can be checked.
        if (!segment || isWithoutMeaning(offset, mask) || record?.isWhole === false) return
        segment[offset] = (segment[offset] ?? 0) ^ mask
        expect(verify(segments)).not.toEqual([])
        if (record && record.start >= index * SEGMENT) {
          expect(scan(segment, FIRST + index).validEndOffset).toBeLessThanOrEqual(record.start - index * SEGMENT)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('are found whatever the pieces are', () => {
    fc.assert(
      fc.property(actions, fc.integer(), fc.integer({ min: 1, max: 30_000 }), fc.nat(), (list, seed, chunk, cut) => {
        const [segment = Buffer.alloc(0)] = new WalWriter(FIRST, seed).run(list).segments
        const bytes = segment.subarray(0, 1 + (cut % segment.length))
        const [whole, pieces] = [scan(bytes), scan(bytes, FIRST, chunk)]
        expect(pieces.validEndOffset).toBe(whole.validEndOffset)
        expect(pieces.records).toEqual(whole.records)
        expect(whole.validEndOffset).toBeLessThanOrEqual(bytes.length)
      }),
      { numRuns: 20 },
    )
    const [segment = Buffer.alloc(0)] = new WalWriter(FIRST).run(fillTo(100_000)).segments
    expect(scan(segment.subarray(0, 120_000), FIRST, 1).records).toEqual(scan(segment.subarray(0, 120_000)).records)
  })

  it('are none in what is no WAL', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20_000 }), fc.integer({ min: 1, max: 9_000 }), (bytes, chunk) => {
        expect(scan(bytes, FIRST, chunk).validEndOffset).toBe(0)
      }),
    )
  })

  it('end where garbage begins', () => {
    fc.assert(
      fc.property(actions, fc.uint8Array({ minLength: 100, maxLength: 30_000 }), fc.nat(), (list, garbage, place) => {
        const wal = new WalWriter(FIRST).run(list)
        const segment = Buffer.from(wal.segments[0] ?? [])
        const at = place % (SEGMENT - garbage.length)
        segment.set(garbage, at)
        const record = wal.records.find(({ start, end }) => start <= at && at < end)
        const { validEndOffset } = scan(segment)
        expect(validEndOffset).toBeLessThanOrEqual(Math.max(record?.start ?? SEGMENT, wal.end))
      }),
      { numRuns: 60 },
    )
  })

  it('are not those of another segment', () => {
    const [segment = Buffer.alloc(0)] = new WalWriter(FIRST).run(fillTo(50_000)).segments
    expect(scan(segment, FIRST + 1)).toMatchObject({ validEndOffset: 0, records: { recordCount: 0 } })
    expect(scan(segment, FIRST + 1).records.fault).toContain('begins with a page of 0/500000')
    expect(new RecordScanner({ startLsn: toLsn(0n) }).records).toMatchObject({ end: 'cut', recordCount: 0 })
  })

  it('tell where an unfinished segment can be cut', () => {
    const wal = new WalWriter(FIRST).run([...fillTo(30_000), { kind: 'record', dataBytes: 20_000 }])
    const [first, second] = wal.records.slice(-2)
    const cut = wal.bytes.subarray(0, (second?.start ?? 0) + 9000)
    expect(scan(cut)).toMatchObject({ validEndOffset: first?.end, records: { end: 'cut', tail: { length: 20_024 } } })
    const padded = Buffer.concat([cut, Buffer.alloc(SEGMENT - cut.length)])
    expect(scan(padded).validEndOffset).toBe(first?.end)
    expect(scan(padded).records.end).toBe('torn')
  })
})

describe('records over segments', () => {
  const wal = new WalWriter(FIRST, 7).run([
    ...fillTo(SEGMENT - 64),
    { kind: 'record', dataBytes: 2_500_000 },
    { kind: 'record', dataBytes: 40 },
  ])

  it('are noticed when a segment between them is lost or another one', () => {
    const [one, two, three, four] = wal.segments
    if (!one || !two || !three || !four) throw new Error('four segments')
    expect(verify([one, two, three, four])).toEqual([])
    const other = new WalWriter(FIRST, 8).run([
      ...fillTo(SEGMENT - 64),
      { kind: 'record', dataBytes: 2_500_000 },
      { kind: 'record', dataBytes: 40 },
    ]).segments
    expect(verify([one, other[1] ?? two, three, four])).toEqual([expect.stringContaining('wrong checksum')])
    const ended = new WalWriter(FIRST, 7).run(fillTo(SEGMENT - 9000)).segments
    expect(verify([ended[0] ?? one, two])).toEqual([expect.stringContaining('WAL ends at')])
    const begun = new WalWriter(FIRST + 1, 7).run([{ kind: 'record', dataBytes: 40 }]).segments
    expect(verify([one, begun[0] ?? two])).toEqual([expect.stringContaining('is not continued')])
  })

  it('are noticed when the record before is another one', () => {
    const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = new WalWriter(FIRST).run([
      ...fillTo(50_000),
      { kind: 'switch' },
      { kind: 'record', dataBytes: 1 },
    ]).segments
    const [longer = Buffer.alloc(0)] = new WalWriter(FIRST).run([...fillTo(60_000), { kind: 'switch' }]).segments
    expect(verify([first, second])).toEqual([])
    expect(verify([longer, second])).toEqual([expect.stringContaining('the last one before it')])
  })
})

/** Flags that say nothing here (`XLP_BKP_REMOVABLE`), identity that {@link SegmentPages} checks, and versions of the magic. */
function isWithoutMeaning(offset: number, mask: number): boolean {
  const inPage = offset % 8192
  if (offset >= 20 && offset < 40) return offset < 20 || offset >= 24
  if (inPage < 2) return offset < 2
  // XLP_BKP_REMOVABLE; and that a record was given up before this page, where none was open (XLP_FIRST_IS_OVERWRITE_CONTRECORD).
  if (inPage === 2) return (mask & ~0x0c) === 0
  return inPage >= 4 && inPage < 8
}
