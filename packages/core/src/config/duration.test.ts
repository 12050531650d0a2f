import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatDuration, parseDuration } from './duration.ts'

describe('a duration', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['15m', 900_000],
    ['12h', 43_200_000],
    ['7d', 604_800_000],
    ['0s', 0],
    ['10', 10_000],
    [10, 10_000],
    [0, 0],
  ])('%j is %d milliseconds', (text, ms) => {
    expect(parseDuration(text)).toEqual({ ms })
  })

  it.each([
    '',
    's',
    '10 s',
    '1.5h',
    '-1s',
    '+1s',
    '1e3',
    '1h30m',
    '10S',
    'P1D',
    '10min',
    -1,
    1.5,
    NaN,
    true,
    null,
    undefined,
    [],
  ])('is not %j', (value) => {
    expect(parseDuration(value)).toBeUndefined()
  })

  it('is written as it is read', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 12 }), (ms) => {
        expect(parseDuration(formatDuration({ ms }))).toEqual({ ms })
      }),
    )
    expect(formatDuration({ ms: 604_800_000 })).toBe('7d')
    expect(formatDuration({ ms: 90_000 })).toBe('90s')
  })
})
