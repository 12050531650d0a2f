import type { StoredObject } from '@walr/core/plugin'
import { describe, expect, it } from 'vitest'
import { inByteOrder } from './in-byte-order.ts'

async function* listing(...keys: readonly string[]): AsyncGenerator<StoredObject> {
  for (const key of keys) yield await Promise.resolve({ key, size: 0, modifiedAt: new Date(0) })
}

describe('a listing', () => {
  it('in the order of UTF-8 bytes passes', async () => {
    // U+FFFD comes before U+1F600 by bytes, and behind it by UTF-16 units
    const keys = ['a', 'a/b', 'ab', '\ufffd', '\u{1f600}']
    const objects = await Array.fromAsync(inByteOrder(listing(...keys)))
    expect(objects.map(({ key }) => key)).toEqual(keys)
  })

  it.each([
    ['b', 'a'],
    ['a', 'a'],
    ['\u{1f600}', '\ufffd'],
  ])('with %j before %j is an error', async (first, second) => {
    await expect(Array.fromAsync(inByteOrder(listing(first, second)))).rejects.toMatchObject({ code: 'Permanent' })
  })
})
