import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseLsn, toLsn } from './lsn.ts'
import { WAL_FILE_NAMES } from './postgres-facts.fixture.ts'
import { toTimelineId } from './timeline-id.ts'
import {
  historyFileName,
  isWalFileName,
  parseHistoryFileName,
  segmentNumberOf,
  segmentOffset,
  segmentStartLsn,
  walFileName,
  walFileSegment,
} from './wal-file-name.ts'
import { toWalSegmentSize } from './wal-segment-size.ts'

const segmentSizes = fc.integer({ min: 20, max: 30 }).map((power) => toWalSegmentSize(2 ** power))
const timelines = fc.integer({ min: 1, max: 0xffff_ffff }).map(toTimelineId)
const lsns = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }).map(toLsn)
const sixteenMb = toWalSegmentSize(16 * 1_048_576)

describe('segment file names', () => {
  it.each(WAL_FILE_NAMES)(
    "are those of PostgreSQL's pg_walfile_name_offset: %s with %i MB",
    (text, megabytes, name, offset) => {
      const lsn = parseLsn(text) ?? expect.unreachable()
      const size = toWalSegmentSize(megabytes * 1_048_576)
      const segmentNumber = segmentNumberOf(lsn, size)
      expect(walFileName(toTimelineId(1), segmentNumber, size)).toBe(name)
      expect(segmentOffset(lsn, size)).toBe(offset)
    },
  )

  it('come back as timeline and segment number', () => {
    fc.assert(
      fc.property(timelines, lsns, segmentSizes, (timelineId, lsn, size) => {
        const segmentNumber = segmentNumberOf(lsn, size)
        const name = walFileName(timelineId, segmentNumber, size)
        expect(isWalFileName(name)).toBe(true)
        expect(walFileSegment(name, size)).toEqual({ timelineId, segmentNumber })
      }),
    )
  })

  it('sort on one timeline as their segments do', () => {
    fc.assert(
      fc.property(lsns, lsns, segmentSizes, (one, other, size) => {
        const names = [one, other].map((lsn) => walFileName(toTimelineId(1), segmentNumberOf(lsn, size), size))
        const numbers = [one, other].map((lsn) => segmentNumberOf(lsn, size))
        expect((names[0] ?? '') < (names[1] ?? '')).toBe((numbers[0] ?? 0n) < (numbers[1] ?? 0n))
      }),
    )
  })

  it('split an LSN into segment start and offset without loss', () => {
    fc.assert(
      fc.property(lsns, segmentSizes, (lsn, size) => {
        const start = segmentStartLsn(segmentNumberOf(lsn, size), size)
        expect(start + BigInt(segmentOffset(lsn, size))).toBe(lsn)
        expect(segmentOffset(start, size)).toBe(0)
      }),
    )
  })

  it.each([
    '',
    '00000001000000000000000',
    '0000000100000000000000000',
    '00000001000000000000000a',
    '00000001000000000000000G',
    '000000010000000000000001.partial',
    '000000010000000000000001\n',
    ' 00000001000000000000001',
  ])('are 24 upper-case hexadecimal digits and nothing else: %j', (text) => {
    expect(isWalFileName(text)).toBe(false)
  })

  it.each(['0000000100000000000000FF', '000000010000000000000100', '000000000000000000000001'])(
    'belong to no segment when the last digits are too high for the size, or the timeline is 0: %s',
    (text) => {
      if (!isWalFileName(text)) expect.unreachable()
      expect(walFileSegment(text, sixteenMb) !== undefined).toBe(text === '0000000100000000000000FF')
    },
  )

  it.each([-1n, 2n ** 40n])('are refused for segment %s, which the log cannot have', (segmentNumber) => {
    expect(() => walFileName(toTimelineId(1), segmentNumber, sixteenMb)).toThrow('segment number out of range')
    expect(() => segmentStartLsn(segmentNumber, sixteenMb)).toThrow('LSN out of range')
  })
})

describe('history file names', () => {
  it('carry the timeline in eight upper-case digits', () => {
    expect(historyFileName(toTimelineId(0x1af))).toBe('000001AF.history')
    fc.assert(
      fc.property(timelines, (timelineId) => {
        expect(parseHistoryFileName(historyFileName(timelineId))).toBe(timelineId)
      }),
    )
  })

  it.each(['00000000.history', '0000002.history', '0000000a.history', '00000002.history.gz', '00000002_history', ''])(
    'are nothing else: %j',
    (text) => {
      expect(parseHistoryFileName(text)).toBeUndefined()
    },
  )
})
