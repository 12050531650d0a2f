import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SegmentTable } from './segment-table.ts'

/** Segments with their copies, in order. */
const segments = fc.uniqueArray(fc.nat(60), { maxLength: 40 }).chain((numbers) =>
  fc.tuple(
    ...numbers
      .toSorted((a, b) => a - b)
      .map((number) =>
        fc.record({
          segmentNumber: fc.constant(BigInt(number)),
          copies: fc.subarray(['', '.gz', '.zst', '.zst.aes'], { minLength: 1 }),
          storedBytes: fc.nat(1_000_000),
        }),
      ),
  ),
)

describe('the segments of a timeline', () => {
  it('come back in order, with all their copies', () => {
    fc.assert(
      fc.property(segments, fc.nat(60), fc.nat(60), (all, a, b) => {
        const table = new SegmentTable()
        for (const { segmentNumber, copies, storedBytes } of all) {
          for (const suffixes of copies) table.add(segmentNumber, suffixes, storedBytes)
        }
        const run = { first: BigInt(Math.min(a, b)), end: BigInt(Math.max(a, b)) }
        const expected = all.filter(({ segmentNumber }) => run.first <= segmentNumber && segmentNumber < run.end)
        const found = [...table.segments(run)]
        expect(found.map(({ segmentNumber }) => segmentNumber)).toEqual(expected.map((each) => each.segmentNumber))
        for (const [index, { copies }] of found.entries()) {
          const suffixes = copies.map((copy) => copy.suffixes).toSorted()
          expect(suffixes).toEqual(expected[index]?.copies.toSorted())
          expect(copies.every(({ storedBytes }) => storedBytes === expected[index]?.storedBytes)).toBe(true)
        }
        const bytes = expected.reduce((sum, { copies, storedBytes }) => sum + copies.length * storedBytes, 0)
        expect(table.storedBytesOf(run)).toBe(bytes)
        expect(table.segmentCount).toBe(all.length)
        expect(table.objectCount).toBe(all.reduce((sum, { copies }) => sum + copies.length, 0))
        for (const [index, { first }] of table.runs.entries()) {
          if (index > 0) expect(first).toBeGreaterThan(table.runs[index - 1]?.end ?? 0n)
        }
      }),
    )
  })
})
