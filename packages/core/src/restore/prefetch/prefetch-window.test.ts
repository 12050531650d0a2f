import fc from 'fast-check'
import { expect, it } from 'vitest'
import { PrefetchWindow } from './prefetch-window.ts'

const MiB = 1_048_576
const SEGMENT = 16 * MiB
const plenty = { walSegmentSize: SEGMENT, freeBytes: 1e12, heldBytes: 0 }

it('finds the size for a slow storage in a few waits, and keeps to the limit', () => {
  const window = new PrefetchWindow({ maxBytes: 256 * MiB })
  const sizes = [window.segments]
  for (let waits = 0; waits < 5; waits++) {
    window.stalled(window.roomFor(plenty))
    sizes.push(window.segments)
  }
  expect(sizes).toEqual([2, 4, 8, 15, 15, 15])
  expect(window.parallel).toBe(4)
})

it('shrinks when segments lie ready for long, and not when they do not', () => {
  const window = new PrefetchWindow({ maxBytes: 256 * MiB })
  for (let waits = 0; waits < 3; waits++) window.stalled(15)
  window.taken(9_999)
  expect(window.segments).toBe(15)
  for (let taken = 0; taken < 20; taken++) window.taken(10_000)
  expect(window.segments).toBe(2)
  expect(window.parallel).toBe(2)
})

it('leaves room for the file that PostgreSQL asks for', () => {
  const room = (maxBytes: number): number => new PrefetchWindow({ maxBytes }).roomFor(plenty)
  expect([0, 1, SEGMENT, 2 * SEGMENT - 1, 2 * SEGMENT, 3 * SEGMENT].map(room)).toEqual([0, 0, 0, 0, 1, 2])
})

it('never fills the disk', () => {
  const bytes = fc.integer({ min: 0, max: 2 ** 40 })
  fc.assert(
    fc.property(bytes, bytes, fc.integer({ min: 0, max: 10 }), bytes, (maxBytes, freeBytes, exponent, held) => {
      const walSegmentSize = MiB * 2 ** exponent
      const heldBytes = held - (held % walSegmentSize)
      const room = new PrefetchWindow({ maxBytes }).roomFor({ walSegmentSize, freeBytes, heldBytes })
      expect(room).toBeGreaterThanOrEqual(0)
      if (room === 0) return
      expect((room + 1) * walSegmentSize).toBeLessThanOrEqual(maxBytes)
      expect(freeBytes + heldBytes - room * walSegmentSize).toBeGreaterThanOrEqual(64 * MiB)
    }),
  )
})
