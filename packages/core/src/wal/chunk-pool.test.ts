import { describe, expect, it } from 'vitest'
import { CHUNK_SIZE, ChunkPool } from './chunk-pool.ts'

function pool(): ChunkPool {
  const made = ChunkPool.create()
  if (!made) throw new Error('this machine has no aligned memory')
  return made
}
function takeAll(from: ChunkPool): Buffer[] {
  const taken: Buffer[] = []
  for (let chunk = from.take(); chunk; chunk = from.take()) taken.push(chunk)
  return taken
}

describe('the pool of chunks', () => {
  it('has three, which share no byte', () => {
    const taken = takeAll(pool())
    expect(taken.map(({ length }) => length)).toEqual([CHUNK_SIZE, CHUNK_SIZE, CHUNK_SIZE])
    taken.forEach((chunk, index) => chunk.fill(index + 1))
    for (const [index, chunk] of taken.entries()) expect(chunk.equals(Buffer.alloc(CHUNK_SIZE, index + 1))).toBe(true)
  })

  it('leaves its memory to the next pool, but not what somebody still has', () => {
    const first = pool()
    const [chunk] = takeAll(first)
    if (!chunk) throw new Error('no chunk')
    first.release()
    const second = pool()
    expect(takeAll(second).map(({ buffer }) => buffer)).not.toContain(chunk.buffer)
    const third = pool()
    const [own] = [third.take()]
    if (!own) throw new Error('no chunk')
    third.giveBack(own)
    third.release()
    expect(pool().take()?.buffer).toBe(own.buffer)
  })

  it('hands out what was given back, and tells whoever waits for it', async () => {
    const from = pool()
    const [first] = takeAll(from)
    if (!first) throw new Error('no chunk')
    const returned = from.returned()
    expect(from.take()).toBeUndefined()
    from.giveBack(first)
    await returned
    expect(from.take()).toBe(first)
    expect(from.take()).toBeUndefined()
  })
})
