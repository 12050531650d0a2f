import { describe, expect, it } from 'vitest'
import { parseTimelineHistory, type TimelineHistory } from '../wal/timeline-history.ts'
import { toTimelineId } from '../wal/timeline-id.ts'
import { SEGMENT } from '../wal/wal-bytes.fixture.ts'
import { isSameWay, lineOfAncestor, stretchesOf } from './timeline-line.ts'

const history = (...lines: readonly string[]): TimelineHistory =>
  parseTimelineHistory(toTimelineId(9), lines.join('\n'))
const line = (...lines: readonly string[]): Parameters<typeof stretchesOf>[0] => ({
  timelineId: toTimelineId(9),
  history: history(...lines),
})

describe('the stretches of a line', () => {
  const stretches = (end: bigint | undefined, ...lines: readonly string[]): unknown =>
    stretchesOf(line(...lines), SEGMENT, end).map(({ timelineId, first, end: last }) => [timelineId, first, last])

  it('meet in the segments of the switches, which are the child’s', () => {
    expect(stretches(undefined)).toEqual([[9, undefined, undefined]])
    expect(stretches(undefined, '1\t0/5000A0', '4\t0/800000')).toEqual([
      [1, undefined, 5n],
      [4, 5n, 8n],
      [9, 8n, undefined],
    ])
  })

  it('go no further than asked', () => {
    expect(stretches(12n, '1\t0/5000A0')).toEqual([
      [1, undefined, 5n],
      [9, 5n, 12n],
    ])
    expect(stretches(3n, '1\t0/5000A0', '4\t0/800000')).toEqual([
      [1, undefined, 3n],
      [4, 3n, 3n],
      [9, 3n, 3n],
    ])
  })
})

describe('the line of an ancestor', () => {
  it('is the beginning of that of its descendant', () => {
    const descendant = line('1\t0/5000A0', '4\t0/800000')
    expect(lineOfAncestor(descendant, toTimelineId(4))).toEqual({ timelineId: 4, history: history('1\t0/5000A0') })
    expect(lineOfAncestor(descendant, toTimelineId(1))).toEqual({ timelineId: 1, history: [] })
    expect(lineOfAncestor(descendant, toTimelineId(2))).toBeUndefined()
  })
})

describe('two histories of one timeline', () => {
  it.each<[boolean, readonly string[], readonly string[]]>([
    [true, ['1\t0/5000A0 by hand', '4\t0/800000'], ['1\t0/5000A0', '4\t0/800000']],
    [true, ['4\t0/800000'], ['1\t0/5000A0', '4\t0/800000']],
    [false, ['1\t0/5000A0'], ['1\t0/5000A8']],
    [false, ['1\t0/5000A0'], ['2\t0/5000A0']],
    [false, ['1\t0/5000A0', '4\t0/800000'], ['1\t0/6000A0', '4\t0/800000']],
    [false, ['1\t0/5000A0'], ['1\t0/5000A0', '4\t0/800000']],
  ])('are of the same way: %s', (same, one, other) => {
    expect(isSameWay(history(...one), history(...other))).toBe(same)
    expect(isSameWay(history(...other), history(...one))).toBe(same)
  })
})
