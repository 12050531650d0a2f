import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseSystemIdentifier } from './system-identifier.ts'

describe('a system identifier', () => {
  it('keeps all of its 64 bits', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        expect(parseSystemIdentifier(value.toString())).toBe(value.toString())
      }),
    )
  })

  it.each([
    '',
    '-1',
    '18446744073709551616',
    '99999999999999999999',
    '7710454860644512687.0',
    '0x10',
    ' 1',
    '1\n',
    'none',
  ])('is not read from %j', (text) => {
    expect(parseSystemIdentifier(text)).toBeUndefined()
  })
})
