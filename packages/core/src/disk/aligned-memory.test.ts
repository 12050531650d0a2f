import { describe, expect, it } from 'vitest'
import { alignedMemory } from './aligned-memory.ts'

describe('aligned memory', () => {
  it.each([1, 4096, 65_537, 3_145_728])('has the %i bytes asked for', (length) => {
    expect(alignedMemory(length)).toHaveLength(length)
  })

  it('begins where a page of memory begins, as far as its buffer shows', () => {
    const memory = alignedMemory(8192)
    expect(memory?.byteOffset).toBe(0)
    expect(memory?.buffer.byteLength).toBe(65_536)
  })

  it('is nothing where there is no room for it', () => {
    expect(alignedMemory(2 ** 40)).toBeUndefined()
  })
})
