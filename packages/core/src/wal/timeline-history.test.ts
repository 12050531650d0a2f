import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isWalrError } from '../errors/walr-error.ts'
import { formatLsn, parseLsn, toLsn, type Lsn } from './lsn.ts'
import { HISTORY_OF_TIMELINE_3 } from './postgres-facts.fixture.ts'
import { parseTimelineHistory, switchLsnOf, timelineHolding } from './timeline-history.ts'
import { toTimelineId } from './timeline-id.ts'

const three = toTimelineId(3)
const lsn = (text: string): Lsn => parseLsn(text) ?? expect.unreachable()

/** Ascending timelines below 2^32 - 1 with ascending switch points, as a server makes them. */
const histories = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.bigInt({ min: 1n, max: 2n ** 64n - 1n })), {
    maxLength: 8,
    selector: ([timelineId]) => timelineId,
  })
  .map((entries) => {
    const switches = entries.map((entry) => entry[1]).sort((a, b) => (a < b ? -1 : 1))
    return entries
      .map(([timelineId]) => timelineId)
      .sort((a, b) => a - b)
      .map((timelineId, index) => ({
        timelineId: toTimelineId(timelineId),
        switchLsn: toLsn(switches[index] ?? 0n),
        reason: `reason ${index}`,
      }))
  })

describe('a timeline history', () => {
  it('is read from the file that PostgreSQL writes, with its empty line', () => {
    expect(parseTimelineHistory(three, HISTORY_OF_TIMELINE_3)).toEqual([
      { timelineId: 1, switchLsn: lsn('0/74FE98'), reason: 'no recovery target specified' },
      { timelineId: 2, switchLsn: lsn('0/88A6F0'), reason: 'no recovery target specified' },
    ])
  })

  it.each([
    ['nothing', '', []],
    ['comments and blank lines', '# all of it\n\n   \n\t# more\n1\t0/5000000\tx', [1]],
    ['blanks before and between', '  1   0/5000000   because of this', [1]],
    ['no reason', '1\t0/5000000\n', [1]],
    ['a reason with blanks and digits', '1\t0/5000000\tbefore transaction 777 2026-01-01 00:00:00+00\n', [1]],
    ['carriage returns', '1\t0/5000000\tx\r\n2\t0/6000000\ty\r\n', [1, 2]],
    ['gaps between timelines', '2\t0/6000000\ty\n', [2]],
  ])('may hold %s', (_what, content, timelines) => {
    expect(parseTimelineHistory(three, content).map((entry) => entry.timelineId)).toEqual(timelines)
  })

  it.each([
    ['a word for a timeline', 'x\t0/5000000\n', 'line 1: expected a numeric timeline'],
    ['no location', '1\tno recovery target\n', 'line 1: expected a timeline and its switch location'],
    ['half a location', '1\t0\n', 'line 1: expected a timeline and its switch location'],
    ['a location that is too long', '1\t0/123456789\tx\n', 'line 1: expected a timeline and its switch location'],
    ['timeline 0', '0\t0/5000000\tx\n', 'line 1: expected a timeline from 1'],
    ['a timeline above 32 bits', '4294967296\t0/5000000\tx\n', 'line 1: expected a timeline from 1'],
    [
      'decreasing timelines',
      '# c\n2\t0/5000000\tx\n1\t0/6000000\ty\n',
      'line 3: timelines must be in increasing order',
    ],
    ['the same timeline twice', '1\t0/5000000\tx\n1\t0/6000000\ty\n', 'line 2: timelines must be in increasing order'],
    ['its own timeline', '3\t0/5000000\tx\n', 'line 1: timelines must be less than 3'],
  ])('may not hold %s', (_what, content, message) => {
    const attempt = (): unknown => parseTimelineHistory(three, content)
    expect(attempt).toThrow(message)
    expect(attempt).toThrow('00000003.history')
    expect(attempt).toThrow(expect.toSatisfy((error: unknown) => isWalrError(error, 'WALR_TIMELINE')))
  })

  it('comes back from any file that a server may write', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const content = history
          .map((entry) => `${entry.timelineId}\t${formatLsn(entry.switchLsn)}\t${entry.reason}\n`)
          .join('\n')
        expect(parseTimelineHistory(toTimelineId(1001), content)).toEqual(history)
      }),
    )
  })

  it('fails with WALR_TIMELINE or parses, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (content) => {
        try {
          parseTimelineHistory(three, content)
        } catch (error) {
          expect(isWalrError(error, 'WALR_TIMELINE')).toBe(true)
        }
      }),
    )
  })

  it('knows where each ancestor was left', () => {
    const history = parseTimelineHistory(three, HISTORY_OF_TIMELINE_3)
    expect(switchLsnOf(history, toTimelineId(1))).toBe(lsn('0/74FE98'))
    expect(switchLsnOf(history, toTimelineId(2))).toBe(lsn('0/88A6F0'))
    expect(switchLsnOf(history, three)).toBeUndefined()
  })

  it.each([
    ['0/0', 1],
    ['0/74FE97', 1],
    ['0/74FE98', 2],
    ['0/88A6EF', 2],
    ['0/88A6F0', 3],
    ['FFFFFFFF/FFFFFFFF', 3],
  ])('gives the byte at %s to timeline %i: a switch point belongs to the child', (text, timelineId) => {
    expect(timelineHolding(three, parseTimelineHistory(three, HISTORY_OF_TIMELINE_3), lsn(text))).toBe(timelineId)
  })
})
