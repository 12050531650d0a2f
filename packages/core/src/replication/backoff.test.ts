import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Backoff } from './backoff.ts'

const waits = (backoff: Backoff, count: number, random: () => number): readonly number[] =>
  Array.from({ length: count }, () => backoff.nextMs(random))
const backoff = (): Backoff => new Backoff({ firstMs: 500, maxMs: 5000 })

describe('the wait between attempts', () => {
  it('doubles up to its bound', () => {
    expect(waits(backoff(), 6, () => 1)).toEqual([500, 1000, 2000, 4000, 5000, 5000])
  })

  it('is anywhere between half of the step and all of it', () => {
    expect(waits(backoff(), 6, () => 0)).toEqual([250, 500, 1000, 2000, 2500, 2500])
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 200 }), (random, count) => {
        const last = waits(backoff(), count, () => random).at(-1) ?? 0
        return last >= 250 && last <= 5000
      }),
    )
  })

  it('is the first one again after success', () => {
    const used = backoff()
    waits(used, 4, () => 1)
    used.reset()
    expect(used.nextMs(() => 1)).toBe(500)
  })

  it('ends at once with an abort', async () => {
    const stop = new AbortController()
    const waiting = backoff().wait(60_000, stop.signal)
    stop.abort()
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
    await expect(backoff().wait(60_000, stop.signal)).rejects.toMatchObject({ name: 'AbortError' })
  })
})
