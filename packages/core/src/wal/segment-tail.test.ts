import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LONG_PAGE_HEADER_BYTES } from './page-header.ts'
import { PAGE_HEADER_BYTES, RECORD_HEADER_BYTES } from './record-format.ts'
import { WalWriter, type WalAction } from './record-wal.fixture.ts'
import { SegmentTail } from './segment-tail.ts'
import { SEGMENT } from './wal-bytes.fixture.ts'

const PAGE = 8192

function tailOf(bytes: Buffer, chunkBytes = 100_000): SegmentTail {
  const tail = new SegmentTail()
  for (let at = 0; at < bytes.length; at += chunkBytes) tail.add(bytes.subarray(at, at + chunkBytes))
  return tail
}

const endsEarly = (bytes: Buffer, chunkBytes?: number): boolean => tailOf(bytes, chunkBytes).endsWithoutSwitch(PAGE)

/** The segments of WAL that has one record, which ends at an offset, and a switch behind it. */
function switched(offset: number): readonly Buffer[] {
  const headers = LONG_PAGE_HEADER_BYTES + PAGE_HEADER_BYTES * Math.floor((offset - 1) / PAGE)
  const dataBytes = offset - headers - RECORD_HEADER_BYTES
  const writer = new WalWriter(5).run([{ kind: 'record', dataBytes }, { kind: 'switch' }])
  expect(writer.records[0]?.end).toBe(offset)
  return writer.segments
}

describe('the tail of a segment', () => {
  it('ends with a switch wherever that is, also when it is on two pages or in two segments', () => {
    for (const edge of [PAGE, 2 * PAGE, SEGMENT - PAGE, SEGMENT]) {
      for (const beforeEdge of [64, 48, 40, 32, 24, 16, 8, 0, -32, -40, -48, -56, -64, -100]) {
        if (edge - beforeEdge > SEGMENT) continue
        const segments = switched(edge - beforeEdge)
        // A switch of 24 bytes, of which 8 or 16 are in the next segment, or all.
        expect(segments).toHaveLength(edge === SEGMENT && beforeEdge < 24 ? 2 : 1)
        expect(segments.map((segment) => endsEarly(segment))).not.toContain(true)
      }
    }
  })

  it('ends with a switch whose checksum ends in zeros', () => {
    const segment = Buffer.from(switched(100_000)[0] ?? [])
    const { endOffset } = tailOf(segment)
    const switchEnd = endOffset + (-endOffset & 7)
    for (const zeros of [1, 2, 3, 4]) expect(endsEarly(Buffer.from(segment).fill(0, switchEnd - zeros))).toBe(false)
  })

  it('has the headers of pages behind a switch', () => {
    const segment = Buffer.from(switched(100_000)[0] ?? [])
    const header = Math.ceil(tailOf(segment).endOffset / PAGE) * PAGE
    segment.copy(segment, header, PAGE, PAGE + 16)
    segment.fill(0, header + 16, header + PAGE)
    expect(endsEarly(segment)).toBe(false)
  })

  it('is torn when WAL is missing from anywhere on but the last page', () => {
    const actions = Array.from({ length: 600 }, (): WalAction => ({ kind: 'record', dataBytes: 2000 }))
    const whole = new WalWriter(5).run(actions).segments[0] ?? Buffer.alloc(0)
    expect(endsEarly(whole)).toBe(false)
    for (let at = 0; at < SEGMENT; at += 4096) {
      const torn = Buffer.from(whole).fill(0, at)
      expect(endsEarly(torn), String(at)).toBe(at > 0 && at <= SEGMENT - PAGE)
    }
  })

  it('is found in chunks of any size', () => {
    const bytes = fc.array(fc.tuple(fc.nat(40), fc.nat(3)), { maxLength: 20 })
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 70 }), (runs, chunkBytes) => {
        const content = Buffer.concat(runs.map(([length, value]) => Buffer.alloc(length, value)))
        const found = tailOf(content, chunkBytes).endOffset
        expect(found).toBe(content.findLastIndex((byte) => byte !== 0) + 1)
      }),
    )
    const segment = switched(100_000)[0] ?? Buffer.alloc(0)
    for (const chunkBytes of [1, 7, 8, 24, 100, 8192, 1_048_576]) expect(endsEarly(segment, chunkBytes)).toBe(false)
  })
})
