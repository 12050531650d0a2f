import { describe, expect, it } from 'vitest'
import { unwrapDataKey, wrapDataKey } from './data-key.ts'
import { encodeHeader, parseHeader } from './header-format.ts'
import { codecOf, complaint, decode, dissect, encode, keyBytes, ringOf, sampleBytes } from './object.fixture.ts'
import { deriveWrappingKey } from './wrapping-key.ts'

const plain = sampleBytes(10_000)
const oldKey = ['2025', keyBytes(1)] as const
const newKey = ['2026', keyBytes(2)] as const

describe('a key ring', () => {
  it('writes with its first key and reads with all', async () => {
    const before = await encode(plain, codecOf(ringOf(oldKey)))
    const rotated = codecOf(ringOf(newKey, oldKey))
    const after = await encode(plain, rotated)
    expect(await decode(before, rotated)).toEqual(plain)
    expect(await decode(after, rotated)).toEqual(plain)
    expect(await decode(after, codecOf(ringOf(newKey)))).toEqual(plain)
    expect(await complaint(after, codecOf(ringOf(oldKey)))).toBe(
      'WrongKey needs the key "2026"; the key ring has "2025"',
    )
  })

  it('reads with a key that was given another id later', async () => {
    const before = await encode(plain, codecOf(ringOf(oldKey)))
    expect(await decode(before, codecOf(ringOf(['renamed', keyBytes(1)])))).toEqual(plain)
    const swapped = ringOf(['2025', keyBytes(2)], ['2026', keyBytes(1)])
    expect(await decode(before, codecOf(swapped))).toEqual(plain)
  })

  it('can be changed for another one by writing the header anew, and nothing else', async () => {
    const { header, frames } = dissect(await encode(plain, codecOf(ringOf(oldKey))))
    const parsed = parseHeader(header)
    const dataKey = unwrapDataKey(parsed, deriveWrappingKey(...oldKey))
    const rewrapped = wrapDataKey(parsed.binding, deriveWrappingKey(...newKey), dataKey, Buffer.alloc(12, 5))
    const object = Buffer.concat([rewrapped, ...frames])
    expect(await decode(object, codecOf(ringOf(newKey)))).toEqual(plain)
    expect(await complaint(object, codecOf(ringOf(oldKey)))).toContain('WrongKey')
  })

  it('does not unwrap a data key that was put into the header of another object', async () => {
    const codec = codecOf(ringOf(oldKey))
    const first = dissect(await encode(plain, codec))
    const second = parseHeader(dissect(await encode(plain, codec)).header)
    // As somebody without the key would do it: the wrapped key of the second, and a right checksum.
    const forged = encodeHeader(parseHeader(first.header).wrapData, second.wrapNonce, second.wrappedKey)
    expect(await complaint(Buffer.concat([forged, ...first.frames]), codec)).toMatch(
      /^Corrupt has a header that was altered or put together from others/,
    )
  })
})
