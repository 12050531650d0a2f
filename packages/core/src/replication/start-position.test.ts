import { describe, expect, it } from 'vitest'
import { parseLsn, type Lsn } from '../wal/lsn.ts'
import { RecordingLogger } from '../wal/recording.fixture.ts'
import { parseSegmentEntry } from '../wal/segment-directory.ts'
import { toTimelineId } from '../wal/timeline-id.ts'
import { CLUSTER, SEGMENT, segmentName } from '../wal/wal-bytes.fixture.ts'
import { chooseStart, startAfterGap, type SlotState, type StartSources } from './start-position.ts'

const lsn = (text: string): Lsn => parseLsn(text) ?? expect.unreachable()
const base: StartSources = {
  directory: undefined,
  slot: undefined,
  server: { systemIdentifier: CLUSTER, timelineId: toTimelineId(3), flushLsn: lsn('0/1234567') },
  walSegmentSize: SEGMENT,
}
const slot = (state: SlotState, restart?: string, timelineId?: number): NonNullable<StartSources['slot']> => ({
  name: 'walr',
  state,
  restartLsn: restart === undefined ? undefined : lsn(restart),
  restartTimelineId: timelineId === undefined ? undefined : toTimelineId(timelineId),
})
const newest = parseSegmentEntry(segmentName(0x0c, 2), SEGMENT) ?? expect.unreachable()
const directory = {
  timelineId: toTimelineId(2),
  startLsn: lsn('0/D00000'),
  newest,
  proven: true,
  warnings: ['a file was skipped'],
  damaged: [],
}

describe('the start of streaming', () => {
  it('is what the directory lacks, whatever slot and server say, and its warnings are told', () => {
    const logger = new RecordingLogger()
    for (const other of [slot('reserved', '0/100000', 1), slot('lost'), slot('unknown'), undefined]) {
      expect(chooseStart({ ...base, directory, slot: other }, logger)).toEqual({
        timelineId: 2,
        startLsn: lsn('0/D00000'),
        from: 'directory',
      })
    }
    expect(new Set(logger.lines)).toEqual(new Set(['warning: a file was skipped']))
  })

  it.each<[string, Partial<StartSources>, string, string]>([
    ['the archive', { archive: { timelineId: toTimelineId(1), startLsn: lsn('0/B00000') } }, '0/B00000', 'archive'],
    ['the slot', { slot: slot('reserved', '0/C00100', 2) }, '0/C00000', 'slot'],
    ['the server', { server: { ...base.server, flushLsn: lsn('0/A00001') } }, '0/A00000', 'server'],
    ['nobody', { slot: slot('lost') }, '0/D00000', 'directory'],
    [
      'an archive that ends behind it',
      { archive: { timelineId: toTimelineId(2), startLsn: lsn('0/E00000') } },
      '0/D00000',
      'directory',
    ],
  ])('is what %s says when it lies before the damaged files, which are all there is', (_, changed, at, from) => {
    const start = chooseStart(
      { ...base, directory: { ...directory, proven: false }, ...changed },
      new RecordingLogger(),
    )
    expect(start).toMatchObject({ startLsn: lsn(at), from })
  })

  it('is the segment of the slot’s position when there are no files', () => {
    const start = chooseStart({ ...base, slot: slot('reserved', '0/F12345', 2) }, new RecordingLogger())
    expect(start).toEqual({ timelineId: 2, startLsn: lsn('0/F00000'), from: 'slot' })
  })

  it('is on the server’s timeline when the slot does not tell one', () => {
    const start = chooseStart({ ...base, slot: slot('reserved', '0/F12345') }, new RecordingLogger())
    expect(start.timelineId).toBe(3)
  })

  it.each<[string, StartSources['slot']]>([
    ['without a slot', undefined],
    ['with a slot that was never used', slot('never-used')],
  ])('is the segment of the server’s position %s, without a warning', (_, given) => {
    const logger = new RecordingLogger()
    const start = chooseStart({ ...base, slot: given }, logger)
    expect(start).toEqual({ timelineId: 3, startLsn: lsn('0/1200000'), from: 'server' })
    expect(logger.lines).toEqual([])
  })

  it('is the server’s position with a warning when nobody knows whether the slot lost WAL', () => {
    const logger = new RecordingLogger()
    expect(chooseStart({ ...base, slot: slot('unknown') }, logger).from).toBe('server')
    expect(logger.lines[0]).toContain('reserves no WAL')
  })

  it('is behind the archive when there are no files, whatever the slots say', () => {
    const archive = { timelineId: toTimelineId(2), startLsn: lsn('0/B00000') }
    for (const other of [slot('reserved', '0/F12345', 2), slot('lost'), undefined]) {
      for (const guard of [{ restartLsn: lsn('0/C00000'), restartTimelineId: toTimelineId(2) }, undefined]) {
        const logger = new RecordingLogger()
        const start = chooseStart({ ...base, archive, guard, slot: other }, logger)
        expect(start).toEqual({ timelineId: 2, startLsn: lsn('0/B00000'), from: 'archive' })
        expect(logger.lines).toEqual([expect.stringContaining('going on behind the archive, at 0/B00000')])
      }
    }
    expect(chooseStart({ ...base, archive, directory }, new RecordingLogger()).from).toBe('directory')
  })

  it('is the guard slot’s when that stands before the end of the archive, which has a hole there', () => {
    const archive = { timelineId: toTimelineId(2), startLsn: lsn('0/B00000') }
    const guard = { restartLsn: lsn('0/A00010'), restartTimelineId: toTimelineId(1) }
    const start = chooseStart({ ...base, archive, guard, slot: slot('reserved', '0/F12345', 2) }, new RecordingLogger())
    expect(start).toEqual({ timelineId: 1, startLsn: lsn('0/A00000'), from: 'slot' })
  })

  it('is what the guard slot keeps before what the stream’s own slot does, which has forgotten more', () => {
    const guard = { restartLsn: lsn('0/A12345'), restartTimelineId: toTimelineId(2) }
    for (const other of [slot('reserved', '0/F12345', 3), slot('lost'), slot('unknown'), undefined]) {
      const start = chooseStart({ ...base, guard, slot: other }, new RecordingLogger())
      expect(start).toEqual({ timelineId: 2, startLsn: lsn('0/A00000'), from: 'slot' })
    }
  })

  it('is what the stream’s own slot keeps when that is more than a younger guard slot does', () => {
    const guard = { restartLsn: lsn('0/F12345'), restartTimelineId: toTimelineId(3) }
    const start = chooseStart({ ...base, guard, slot: slot('reserved', '0/A12345', 2) }, new RecordingLogger())
    expect(start).toEqual({ timelineId: 2, startLsn: lsn('0/A00000'), from: 'slot' })
  })

  it('is what the slot keeps when the guard slot keeps nothing', () => {
    const guard = { restartLsn: undefined, restartTimelineId: undefined }
    const start = chooseStart({ ...base, guard, slot: slot('reserved', '0/F12345', 2) }, new RecordingLogger())
    expect(start).toEqual({ timelineId: 2, startLsn: lsn('0/F00000'), from: 'slot' })
    expect(() => chooseStart({ ...base, guard, slot: slot('lost') }, new RecordingLogger())).toThrow(
      expect.objectContaining({ code: 'WALR_WAL_GAP' }),
    )
  })

  it('is refused when the slot has lost the WAL that it kept: a gap is never silent', () => {
    expect(() => chooseStart({ ...base, slot: slot('lost') }, new RecordingLogger())).toThrow(
      expect.objectContaining({ code: 'WALR_WAL_GAP' }),
    )
  })
})

describe('the start behind a gap', () => {
  it('is what the slot keeps, when that is further on', () => {
    const sources = { ...base, slot: slot('reserved', '0/F12345', 2) }
    expect(startAfterGap(sources, lsn('0/500000'))).toEqual({ timelineId: 2, startLsn: lsn('0/F00000'), from: 'slot' })
  })

  it('is the server’s position otherwise', () => {
    for (const given of [undefined, slot('lost'), slot('reserved', '0/500000', 1)]) {
      const start = startAfterGap({ ...base, slot: given }, lsn('0/500000'))
      expect(start).toEqual({ timelineId: 3, startLsn: lsn('0/1200000'), from: 'server' })
    }
  })
})
