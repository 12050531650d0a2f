import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isWalrError } from '../errors/walr-error.ts'
import { formatTimelineId, toTimelineId } from './timeline-id.ts'

describe('a timeline', () => {
  it.each([
    [1, '00000001'],
    [0xabc, '00000ABC'],
    [0xffff_ffff, 'FFFFFFFF'],
  ])('%i starts file names as %s', (value, text) => {
    expect(formatTimelineId(toTimelineId(value))).toBe(text)
  })

  it('keeps its number in its text', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0xffff_ffff }), (value) => {
        expect(Number.parseInt(formatTimelineId(toTimelineId(value)), 16)).toBe(value)
      }),
    )
  })

  it.each([0, -1, 1.5, 2 ** 32, Number.NaN, Number.POSITIVE_INFINITY])('is never %d', (value) => {
    expect(() => toTimelineId(value)).toThrow(expect.toSatisfy((error: unknown) => isWalrError(error, 'WALR_TIMELINE')))
    expect(() => toTimelineId(value)).toThrow(`not a timeline: ${value}`)
  })
})
