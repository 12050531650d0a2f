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
          for (const suffixes of copies) table.add(segmentNumber, suffixes, storedBytes, new Date(0))
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

  it('have another digest when one of them has another number, suffix, size or time', () => {
    const digest = (number: bigint, suffixes: string, size: number, timeMs: number): string => {
      const table = new SegmentTable()
      table.add(1n, '.zst', 10, new Date(1))
      table.add(number, suffixes, size, new Date(timeMs))
      table.add(9n, '', 3, new Date(5))
      return table.digestOf({ first: 1n, end: 9n })
    }
    const digests = [digest(2n, '', 20, 2), digest(3n, '', 20, 2), digest(2n, '.gz', 20, 2), digest(2n, '', 21, 2)]
    expect(new Set([...digests, digest(2n, '', 20, 3)]).size).toBe(5)
    expect(digest(2n, '', 20, 2)).toBe(digests[0])
    // The same sum.
    const swapped = [
      [10, 20],
      [20, 10],
    ].map((sizes) => {
      const table = new SegmentTable()
      for (const [index, size] of sizes.entries()) table.add(BigInt(index), '', size, new Date(0))
      return table.digestOf({ first: 0n, end: 2n })
    })
    expect(swapped[0]).not.toBe(swapped[1])
  })
})
