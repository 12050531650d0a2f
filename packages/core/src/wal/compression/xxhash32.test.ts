import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { XxHash32 } from './xxhash32.ts'

describe('XXH32', () => {
  // Values that other implementations publish for the same texts.
  it.each([
    ['', 0x02cc_5d05],
    ['a', 0x550d_7456],
    ['abc', 0x32d1_53ff],
    ['Nobody inspects the spammish repetition', 0xe229_3b2f],
  ])('of %j is what the reference program says', (text, hash) => {
    expect(new XxHash32().update(Buffer.from(text)).digest()).toBe(hash)
  })

  it('does not depend on how the bytes are cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.array(fc.nat(100)), (bytes, cuts) => {
        const pieces = new XxHash32()
        const edges = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
        for (const [index, edge] of edges.slice(1).entries()) pieces.update(bytes.subarray(edges[index], edge))
        expect(pieces.digest()).toBe(new XxHash32().update(bytes).digest())
      }),
    )
  })
})
