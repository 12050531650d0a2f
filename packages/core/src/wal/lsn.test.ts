import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatLsn, INVALID_LSN, parseLsn, toLsn } from './lsn.ts'

describe('an LSN', () => {
  it.each([
    ['0/0', 0n, '0/0'],
    ['0/A9B0C0', 0xa9b0c0n, '0/A9B0C0'],
    ['16/B374D848', 0x16_b374_d848n, '16/B374D848'],
    ['16/b374d848', 0x16_b374_d848n, '16/B374D848'],
    ['00000016/00000001', 0x16_0000_0001n, '16/1'],
    ['FFFFFFFF/FFFFFFFF', 0xffff_ffff_ffff_ffffn, 'FFFFFFFF/FFFFFFFF'],
  ])('reads %s and is printed as PostgreSQL does', (text, value, printed) => {
    const lsn = parseLsn(text) ?? expect.unreachable()
    expect(lsn).toBe(value)
    expect(formatLsn(lsn)).toBe(printed)
  })

  it.each([
    '',
    '/',
    '0',
    '0/',
    '/0',
    '0/0/0',
    '0/G',
    '0/123456789',
    '123456789/0',
    ' 0/0',
    '0/0 ',
    '0/0\n',
    '-1/0',
    '0x1/0',
  ])('is not read from %j', (text) => {
    expect(parseLsn(text)).toBeUndefined()
  })

  it('comes back from its text', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        expect(parseLsn(formatLsn(toLsn(value)))).toBe(value)
      }),
    )
  })

  it.each([-1n, 2n ** 64n])('has 64 unsigned bits: %s is refused', (value) => {
    expect(() => toLsn(value)).toThrow(`LSN out of range: ${value.toString()}`)
  })

  it('of value 0 is the invalid one', () => {
    expect(formatLsn(INVALID_LSN)).toBe('0/0')
  })
})
