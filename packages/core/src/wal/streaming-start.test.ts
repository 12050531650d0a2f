import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isWalrError } from '../errors/walr-error.ts'
import { formatLsn, parseLsn, type Lsn } from './lsn.ts'
import { parseSegmentEntry, type SegmentEntry } from './segment-directory.ts'
import { findStreamingStart, type ServerTimeline } from './streaming-start.ts'
import { timelineHolding, type TimelineHistory } from './timeline-history.ts'
import { toTimelineId } from './timeline-id.ts'
import { SEGMENT, segmentLsn, segmentName } from './wal-bytes.fixture.ts'
import { segmentNumberOf, segmentStartLsn } from './wal-file-name.ts'

const entry = (name: string): SegmentEntry => parseSegmentEntry(name, SEGMENT) ?? expect.unreachable()
const lsn = (text: string): Lsn => parseLsn(text) ?? expect.unreachable()
const history = (...ancestors: readonly (readonly [timelineId: number, switchLsn: string])[]): TimelineHistory =>
  ancestors.map(([timelineId, at]) => ({ timelineId: toTimelineId(timelineId), switchLsn: lsn(at), reason: '' }))
const server = (timelineId: number, ancestors: TimelineHistory | undefined): ServerTimeline => ({
  timelineId: toTimelineId(timelineId),
  history: ancestors,
})

/** `1:0C 1:0D.partial 2:0D.gz`: timeline, segment in hexadecimal, suffixes; a `!` in front for a file that is damaged. */
async function start(
  files: string,
  on: ServerTimeline,
): Promise<{ start: string; by: string; warnings: readonly string[] }> {
  const damaged = new Set<string>()
  const entries = files
    .split(' ')
    .filter((file) => file !== '')
    .map((file) => {
      const [, bad, timelineId, segment = '', suffixes = ''] = /^(!?)(\d+):([0-9A-F]+)(.*)$/.exec(file) ?? []
      const name = segmentName(Number.parseInt(segment, 16), Number(timelineId)) + suffixes
      if (bad === '!') damaged.add(name)
      return entry(name)
    })
  const fault = ({ fileName }: SegmentEntry): Promise<string | undefined> =>
    Promise.resolve(damaged.has(fileName) ? `segment file "${fileName}" has incorrect size 1000` : undefined)
  try {
    const found = await findStreamingStart(entries, on, SEGMENT, fault)
    if (!found) return { start: 'nothing', by: '', warnings: [] }
    const { timelineId, startLsn, newest, warnings } = found
    return { start: `${timelineId} ${formatLsn(startLsn)}`, by: newest.fileName, warnings }
  } catch (error) {
    if (!isWalrError(error)) throw error
    return { start: error.code, by: error.message, warnings: [] }
  }
}

const first = server(1, [])
/** Timeline 2 began in the middle of segment 0D, timeline 3 at the very end of 12, that is at the start of 13. */
const second = server(2, history([1, '0/D04BC0']))
const third = server(3, history([1, '0/D04BC0'], [2, '0/1300000']))

describe('the first byte that a directory lacks', () => {
  it.each<[string, string, ServerTimeline, string]>([
    ['nothing when the directory is empty', '', first, 'nothing'],
    ['behind the newest finished segment', '1:0A 1:0B 1:0C', first, '1 0/D00000'],
    ['at the start of an open segment', '1:0B 1:0C.partial', first, '1 0/C00000'],
    ['behind a finished segment that also is open', '1:0C 1:0C.partial', first, '1 0/D00000'],
    ['behind a compressed one', '1:0B 1:0C.gz', first, '1 0/D00000'],
    ['behind one of any compression', '1:0B.zst 1:0C.lz4 1:0A', first, '1 0/D00000'],
    ['at the start of a compressed open segment', '1:0B.gz 1:0C.gz.partial', first, '1 0/C00000'],
    ['over the end of a log file', '1:FFF', first, '1 1/0'],
    ['at the first of open segments in a row', '1:0A 1:0B.partial 1:0C.partial', first, '1 0/B00000'],
    [
      'at the first of open segments, in whatever compression',
      '1:0A 1:0B.gz.partial 1:0C.partial',
      first,
      '1 0/B00000',
    ],
    ['at an open segment behind a hole, as pg_receivewal', '1:0A.partial 1:0C.partial', first, '1 0/C00000'],
    ['on the way to a branch that is still to come', '1:0B 1:0C', second, '1 0/D00000'],
    ['at the segment of the branch, when the old timeline is open there', '1:0C 1:0D.partial', second, '1 0/D00000'],
    ['on the new timeline once it has files', '1:0C 1:0D.partial 2:0D.partial', second, '2 0/D00000'],
    ['behind the finished files of the new timeline', '1:0C 1:0D.partial 2:0D 2:0E', second, '2 0/F00000'],
    ['on the new timeline, whatever is higher on the old one', '1:0F 2:0D.partial', second, '2 0/D00000'],
    ['at the branch, when the old timeline went on without the server', '1:0D 1:0E 1:0F', second, '2 0/D00000'],
    ['at the branch, when it went on into an open segment', '1:0D 1:0E.partial', second, '2 0/D00000'],
    ['at a branch exactly at the end of a segment', '2:11 2:12', third, '3 0/1300000'],
    ['before a branch at the end of a segment', '2:11', third, '2 0/1200000'],
    ['at a branch at a boundary that was overrun', '2:12 2:13.partial', third, '3 0/1300000'],
    ['on the next timeline, not on the one after that', '1:0C 1:0D', third, '2 0/D00000'],
    ['on the newest timeline of three', '1:0C 2:12 3:13.partial', third, '3 0/1300000'],
    [
      'by the server’s own timelines, not by foreign ones',
      '1:0C 2:20',
      server(3, history([1, '0/D04BC0'])),
      '1 0/D00000',
    ],
    ['on the highest known timeline, when the server has no history', '1:0C 2:0D', server(3, undefined), '2 0/E00000'],
  ])('is %s', async (_, files, on, expected) => {
    expect((await start(files, on)).start).toBe(expected)
  })

  it('is found behind the newest good file, and each damaged one is named as pg_receivewal names it', async () => {
    expect(await start('1:0A !1:0B.gz !1:0C', first)).toEqual({
      start: '1 0/B00000',
      by: segmentName(0x0a),
      warnings: [
        `segment file "${segmentName(0x0c)}" has incorrect size 1000, skipping`,
        `segment file "${segmentName(0x0b)}.gz" has incorrect size 1000, skipping`,
      ],
    })
  })

  it('is at the start of an open segment whatever is in that: it is written over from its beginning', async () => {
    expect(await start('1:0B !1:0C.partial', first)).toMatchObject({ start: '1 0/C00000', warnings: [] })
  })

  it('is behind another file of the same segment when one is damaged', async () => {
    expect(await start('!1:0C 1:0C.gz', first)).toMatchObject({ start: '1 0/D00000', by: `${segmentName(0x0c)}.gz` })
    expect(await start('!1:0C 1:0C.partial', first)).toMatchObject({ start: '1 0/C00000' })
  })

  it('is at the oldest segment when all are damaged: another place would leave a gap unseen', async () => {
    expect(await start('!1:0D !1:0C', first)).toEqual({
      start: '1 0/C00000',
      by: segmentName(0x0c),
      warnings: [
        `segment file "${segmentName(0x0d)}" has incorrect size 1000, skipping`,
        `segment file "${segmentName(0x0c)}" has incorrect size 1000, skipping`,
      ],
    })
    expect((await start('1:0C !2:0D', second)).start).toBe('1 0/D00000')
    expect((await start('!1:0C !2:0D', second)).start).toBe('2 0/D00000')
  })

  it('comes with a warning when files lie beyond the branch', async () => {
    expect((await start('1:0D 1:0F', second)).warnings).toEqual([
      `"${segmentName(0x0f)}" is beyond 0/D04BC0, where the server left timeline 1; following timeline 2`,
    ])
    expect((await start('1:0C 1:0D', second)).warnings).toEqual([])
  })

  it('is refused when the directory is on a timeline that is newer than the server', async () => {
    expect(await start('1:0C 3:0D.partial', second)).toMatchObject({
      start: 'WALR_TIMELINE',
      by: 'starting timeline 3 is not present in the server',
    })
  })

  it('is refused when all files are on a branch that the server never was on', async () => {
    expect(await start('2:0C', server(3, history([1, '0/D04BC0'])))).toMatchObject({
      start: 'WALR_TIMELINE',
      by: 'timeline 2 is not in the history of the server, which is on timeline 3',
    })
  })
})

/** What a receiver that never missed a byte holds when it has got as far as `end`: PostgreSQL's way through timelines. */
function received(from: number, end: Lsn, on: ServerTimeline): { entries: SegmentEntry[]; openAt: Lsn } {
  const entries: SegmentEntry[] = []
  let openAt = segmentLsn(from)
  const line = [...(on.history ?? []), { timelineId: on.timelineId, switchLsn: undefined }]
  for (const { timelineId, switchLsn } of line) {
    const until = switchLsn !== undefined && switchLsn < end ? switchLsn : end
    const firstSegment = openAt / BigInt(SEGMENT)
    for (let number = firstSegment; segmentStartLsn(number, SEGMENT) < until; number += 1n) {
      const whole = segmentStartLsn(number + 1n, SEGMENT) <= until
      entries.push(entry(segmentName(Number(number), timelineId) + (whole ? '' : '.partial')))
    }
    openAt = segmentStartLsn(segmentNumberOf(until, SEGMENT), SEGMENT)
    if (until === end) break
  }
  return { entries, openAt }
}

describe('for a receiver that missed nothing', () => {
  const offset = fc.constantFrom(0, 0, 1, 40, SEGMENT / 2, SEGMENT - 1)
  const switchPoint = fc.tuple(fc.integer({ min: 1, max: 40 }), offset)
  it('the first byte is at the start of the segment that it was in, on the timeline that has it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(switchPoint, { maxLength: 3 }),
        fc.tuple(fc.integer({ min: 1, max: 45 }), offset),
        async (switches, [endSegment, endOffset]) => {
          const points = [...new Set(switches.map(([segment, at]) => segmentLsn(segment, at)))].sort((a, b) =>
            a < b ? -1 : 1,
          )
          const ancestors = points.map((switchLsn, index) => ({
            timelineId: toTimelineId(index + 1),
            switchLsn,
            reason: '',
          }))
          const on = server(points.length + 1, ancestors)
          const end = segmentLsn(endSegment, endOffset)
          const { entries, openAt } = received(0, end, on)
          const found = await findStreamingStart(entries, on, SEGMENT, () => Promise.resolve(undefined))
          expect(found?.startLsn).toBe(openAt)
          // The timeline found must be the one of the byte there, or an older one that leads to it inside that segment.
          const timelineId = found?.timelineId ?? 0
          expect(timelineId).toBeLessThanOrEqual(timelineHolding(on.timelineId, ancestors, end))
          expect(timelineId).toBeGreaterThanOrEqual(timelineHolding(on.timelineId, ancestors, openAt))
        },
      ),
    )
  })
})
