import { describe, expect, it } from 'vitest'
import { IoPace } from './io-pace.ts'

const pace = (): IoPace => new IoPace({ slowMs: 40, fastMs: 15, runLength: 3 })
const after = (...durationsMs: readonly number[]): boolean => {
  const measured = pace()
  for (const durationMs of durationsMs) measured.record(durationMs)
  return measured.inline
}

describe('the pace of input and output', () => {
  it('keeps operations on the thread until one is slow', () => {
    expect(after()).toBe(true)
    expect(after(40, 39, 1)).toBe(true)
    expect(after(41)).toBe(false)
  })

  it('comes back to the thread only after a run of short ones', () => {
    expect(after(41, 1, 1)).toBe(false)
    expect(after(41, 1, 1, 1)).toBe(true)
  })

  it('starts the run anew when one of them was of middling length or slow', () => {
    expect(after(41, 1, 1, 15, 1, 1)).toBe(false)
    expect(after(41, 1, 1, 100, 1, 1)).toBe(false)
    expect(after(41, 1, 1, 15, 1, 1, 1)).toBe(true)
  })
})
