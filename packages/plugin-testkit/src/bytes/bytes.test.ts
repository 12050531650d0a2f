import { describe, expect, it } from 'vitest'
import { borrowedChunksOf, collect, randomChunksOf } from './byte-stream.ts'
import { checksumOf } from './checksum.ts'
import { patternBytes } from './pattern-bytes.ts'

describe('a checksum', () => {
  // The check value of each algorithm: that of the text "123456789".
  it.each([
    ['crc32', 'cbf43926'],
    ['crc32c', 'e3069283'],
    ['md5', '25f9e794323b453885f5181f1b624d0b'],
    ['sha1', 'f7c3bc1d808e04732adf679965ccc34ca7ae3441'],
    ['sha256', '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225'],
  ] as const)('%s is written as the contract says', (algorithm, value) => {
    expect(checksumOf(Buffer.from('123456789'), algorithm)).toBe(value)
  })

  it('of a CRC has its leading zeros', () => {
    expect(checksumOf(new Uint8Array(0), 'crc32')).toBe('00000000')
  })
})

describe('the chunks of the kit', () => {
  const bytes = patternBytes(10_000, 1)

  it('are all of the bytes, however they are cut', async () => {
    for (const seed of [1, 2, 3]) expect(Buffer.compare(await collect(randomChunksOf(bytes, seed)), bytes)).toBe(0)
    expect(Buffer.compare(await collect(borrowedChunksOf(bytes, 999)), bytes)).toBe(0)
  })

  it('that are borrowed are written over when the next one is asked for', async () => {
    const kept = await Array.fromAsync(borrowedChunksOf(bytes, 1000))
    expect(Buffer.concat(kept)).toEqual(Buffer.alloc(10_000, 0xdb))
  })
})
