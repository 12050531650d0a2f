import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseTimelineHistory } from '../../wal/timeline-history.ts'
import { toTimelineId } from '../../wal/timeline-id.ts'
import { isWalFileName, type WalFileName } from '../../wal/wal-file-name.ts'
import { toWalSegmentSize } from '../../wal/wal-segment-size.ts'
import { LineFollower } from './line-follower.ts'
import { WalLine } from './wal-line.ts'

const SIZE = toWalSegmentSize(16_777_216)
const history = (timeline: number, text: string) => parseTimelineHistory(toTimelineId(timeline), text)
const line = (timeline: number, text = ''): WalLine =>
  new WalLine(toTimelineId(timeline), history(timeline, text), SIZE)

function name(text: string): WalFileName {
  if (!isWalFileName(text)) throw new Error(text)
  return text
}

describe('the names of a segment', () => {
  it('are those of its timeline alone when no history is known', () => {
    expect(line(3).namesOf(0n)).toEqual(['000000030000000000000000'])
    expect(line(3).namesOf(255n)).toEqual(['0000000300000000000000FF'])
    expect(line(3).namesOf(256n)).toEqual(['000000030000000100000000'])
  })

  it('are those of both timelines where one begins, the newer one first', () => {
    const both = line(2, '1\t0/5F4BE08\tno recovery target specified\n')
    expect(both.namesOf(4n)).toEqual(['000000010000000000000004'])
    expect(both.namesOf(5n)).toEqual(['000000020000000000000005', '000000010000000000000005'])
    expect(both.namesOf(6n)).toEqual(['000000020000000000000006'])
  })

  it('are those of all timelines that begin in one segment', () => {
    const three = line(4, '1\t0/5000100\t\n2\t0/5000200\t\n3\t0/7000000\t\n')
    expect(three.namesOf(5n)).toEqual([
      '000000030000000000000005',
      '000000020000000000000005',
      '000000010000000000000005',
    ])
    expect(three.namesOf(6n)).toEqual(['000000030000000000000006'])
    expect(three.namesOf(7n)).toEqual(['000000040000000000000007', '000000030000000000000007'])
  })

  it('name each segment once at least, and never a timeline that has not begun or has ended', () => {
    const switches = fc.uniqueArray(fc.integer({ min: 1, max: 0x2000_0000 }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(switches, fc.integer({ min: 0, max: 40 }), (found, segment) => {
        const lsns = found.toSorted((one, other) => one - other)
        const text = lsns.map((lsn, index) => `${index + 1}\t0/${lsn.toString(16)}\tx\n`).join('')
        const names = line(lsns.length + 1, text).namesOf(BigInt(segment))
        expect(names.length).toBeGreaterThan(0)
        expect(names).toEqual(names.toSorted().toReversed())
        for (const each of names) {
          const timeline = Number.parseInt(each.slice(0, 8), 16)
          const begin = lsns[timeline - 2] ?? 0
          const end = lsns[timeline - 1] ?? Infinity
          expect(Math.floor(begin / SIZE)).toBeLessThanOrEqual(segment)
          expect(Math.floor(end / SIZE)).toBeGreaterThanOrEqual(segment)
        }
      }),
    )
  })
})

describe('a follower', () => {
  it('knows nothing before a segment was delivered', () => {
    const follower = new LineFollower(SIZE)
    expect(follower.namesAhead(3)).toEqual([])
    follower.historyDelivered(toTimelineId(2), history(2, '1\t0/5000100\tx\n'))
    expect(follower.namesAhead(3)).toEqual([])
    expect(follower.expects(name('000000010000000000000001'))).toBe(false)
  })

  it('goes over to the next timeline where the history says so', () => {
    const follower = new LineFollower(undefined)
    follower.historyDelivered(toTimelineId(2), history(2, '1\t0/5000100\tx\n'))
    follower.segmentDelivered(name('000000010000000000000003'), SIZE)
    expect(follower.namesAhead(3)).toEqual([
      ['000000010000000000000004'],
      ['000000020000000000000005', '000000010000000000000005'],
      ['000000020000000000000006'],
    ])
    expect(follower.expects(name('000000010000000000000004'))).toBe(true)
    follower.segmentDelivered(name('000000010000000000000005'), SIZE)
    expect(follower.namesAhead(1)).toEqual([['000000020000000000000006']])
  })

  it('goes with PostgreSQL where that takes another way than the history', () => {
    const follower = new LineFollower(SIZE)
    follower.historyDelivered(toTimelineId(2), history(2, '1\t0/5000100\tx\n'))
    follower.segmentDelivered(name('000000010000000000000007'), SIZE)
    expect(follower.namesAhead(1)).toEqual([['000000010000000000000008']])
  })

  it('takes up the history of a timeline that it comes to', () => {
    const follower = new LineFollower(SIZE)
    follower.historyDelivered(toTimelineId(2), history(2, '1\t0/5000100\tx\n'))
    follower.historyDelivered(toTimelineId(3), history(3, '1\t0/5000100\tx\n2\t0/7000100\tx\n'))
    follower.historyDelivered(toTimelineId(2), history(2, '1\t0/5000100\tx\n'))
    follower.segmentDelivered(name('000000020000000000000007'), SIZE)
    expect(follower.namesAhead(1)).toEqual([['000000020000000000000008']])
  })

  it('goes back where PostgreSQL does', () => {
    const follower = new LineFollower(SIZE)
    follower.segmentDelivered(name('000000010000000000000007'), SIZE)
    follower.segmentDelivered(name('000000010000000000000002'), SIZE)
    expect(follower.namesAhead(1)).toEqual([['000000010000000000000003']])
  })

  it('is not led by a name that no segment has', () => {
    const follower = new LineFollower(SIZE)
    follower.segmentDelivered(name('000000010000000000000007'), SIZE)
    follower.segmentDelivered(name('0000000000000000000000FF'), SIZE)
    follower.segmentDelivered(name('000000010000000000000FFF'), SIZE)
    expect(follower.namesAhead(1)).toEqual([['000000010000000000000008']])
  })

  it('ends where the write-ahead log does', () => {
    const follower = new LineFollower(SIZE)
    follower.segmentDelivered(name('00000001FFFFFFFF000000FE'), SIZE)
    expect(follower.namesAhead(4)).toEqual([['00000001FFFFFFFF000000FF']])
  })
})
