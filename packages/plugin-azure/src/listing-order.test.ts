import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromUtf16Order, type ListedBlob } from './listing-order.ts'

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
const byUnits = (a: string, b: string): number => (a < b ? -1 : 1)

async function* listing(names: readonly string[]): AsyncGenerator<ListedBlob, void, undefined> {
  for (const name of names) {
    await Promise.resolve()
    yield { name, size: 1, modifiedAt: new Date(0) }
  }
}

async function sorted(names: readonly string[]): Promise<readonly string[]> {
  return (await Array.fromAsync(fromUtf16Order(listing(names)))).map(({ name }) => name)
}

describe('a listing in the order of UTF-16, or of UTF-8,', () => {
  it('comes out in that of UTF-8', async () => {
    const letter = fc.constantFrom('a', 'b', '/', '\u{1f600}', '\u{10fffd}', '\ue000', '\uff5e', '\ud7ff', 'z')
    const names = fc.uniqueArray(
      fc.array(letter, { maxLength: 5 }).map((letters) => letters.join('')),
      { maxLength: 40 },
    )
    await fc.assert(
      fc.asyncProperty(names, async (given) => {
        const expected = given.toSorted(byBytes)
        expect(await sorted(given.toSorted(byUnits))).toEqual(expected)
        expect(await sorted(expected)).toEqual(expected)
      }),
    )
  })

  it('is passed on at once as long as no letter is beyond U+FFFF', async () => {
    const names = ['a', 'b', '\uff5e']
    let asked = 0
    const counted = async function* () {
      for await (const blob of listing(names)) {
        asked += 1
        yield blob
      }
    }
    for await (const { name } of fromUtf16Order(counted())) expect(name).toBe(names[asked - 1])
    expect(asked).toBe(3)
  })

  it('is refused when it cannot be sorted in bounded memory', async () => {
    const names = Array.from({ length: 100_001 }, (_, index) => `\u{1f600}${String(index).padStart(6, '0')}`)
    await expect(sorted(names)).rejects.toMatchObject({ code: 'Permanent' })
  })
})
