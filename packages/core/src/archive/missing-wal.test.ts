import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toLsn } from '../wal/lsn.ts'
import type { TimelineHistory } from '../wal/timeline-history.ts'
import { toTimelineId, type TimelineId } from '../wal/timeline-id.ts'
import { SEGMENT, segmentLsn } from '../wal/wal-bytes.fixture.ts'
import { findMissing, lineRuns, type KnownWal, type WantedWal } from './missing-wal.ts'
import type { NumberRun } from './segment-runs.ts'

const ALL: WantedWal = { timelineId: undefined, from: undefined, end: undefined }

interface Branch {
  readonly parent: number
  /** In segments; the switch is in the middle of this one. */
  readonly at: number
}

function run(first: number, end: number): NumberRun {
  return { first: BigInt(first), end: BigInt(end) }
}

function known(
  runs: Readonly<Record<number, readonly NumberRun[]>>,
  branches: Readonly<Record<number, Branch>> = {},
  gaps: readonly (readonly [number, number])[] = [],
  histories: readonly number[] = [],
): KnownWal {
  const historyOf = (timelineId: TimelineId): TimelineHistory => {
    const branch = branches[timelineId]
    if (!branch) return []
    const parent = toTimelineId(branch.parent)
    return [...historyOf(parent), { timelineId: parent, switchLsn: segmentLsn(branch.at, 500_000), reason: '' }]
  }
  return {
    walSegmentSize: SEGMENT,
    runs: new Map(Object.entries(runs).map(([id, present]) => [toTimelineId(Number(id)), present])),
    historyOf,
    histories: histories.map(toTimelineId),
    gaps: gaps.map(([start, end]) => ({ startLsn: segmentLsn(start), endLsn: segmentLsn(end) })),
  }
}

/** `timeline:first-end`, with `r` when it is recorded. */
function missing(wal: KnownWal, wanted: Partial<WantedWal> = {}): readonly string[] {
  return findMissing(wal, { ...ALL, ...wanted }).map(
    ({ timelineId, first, end, recorded }) => `${timelineId}:${first}-${end}${recorded ? 'r' : ''}`,
  )
}

describe('missing WAL', () => {
  it('is what lies between segments that are there', () => {
    expect(missing(known({}))).toEqual([])
    expect(missing(known({ 1: [run(5, 8)] }))).toEqual([])
    expect(missing(known({ 1: [run(5, 8), run(10, 11), run(12, 20)] }))).toEqual(['1:8-10', '1:11-12'])
  })

  it('is what lies between a timeline and the one it came from', () => {
    const branches = { 2: { parent: 1, at: 10 }, 3: { parent: 2, at: 15 } }
    expect(missing(known({ 1: [run(5, 10)], 2: [run(10, 15)], 3: [run(15, 17)] }, branches))).toEqual([])
    // What follows the switch on the timeline that was left is of another way.
    expect(missing(known({ 1: [run(5, 14)], 2: [run(10, 12)] }, branches))).toEqual([])
    expect(missing(known({ 1: [run(5, 8)], 2: [run(11, 12)] }, branches))).toEqual(['1:8-10', '2:10-11'])
    expect(missing(known({ 1: [run(5, 10)], 3: [run(15, 16)] }, branches))).toEqual(['2:10-15'])
    // The archive began on timeline 2.
    expect(missing(known({ 2: [run(12, 15)], 3: [run(15, 17)] }, branches))).toEqual([])
  })

  it('is what lies before a promotion, when there is nothing yet of the timeline that it began', () => {
    const branches = { 2: { parent: 1, at: 7 }, 3: { parent: 2, at: 9 } }
    expect(missing(known({ 1: [run(1, 5)] }, branches, [], [2]))).toEqual(['1:5-7'])
    expect(missing(known({ 1: [run(1, 7)] }, branches, [], [2]))).toEqual([])
    expect(missing(known({ 1: [run(1, 7)] }, branches, [], [2, 3]))).toEqual(['2:7-9'])
    // The archive began later.
    expect(missing(known({ 1: [run(8, 10)] }, branches, [], [2]))).toEqual([])
    expect(missing(known({ 3: [run(9, 10)] }, branches, [], [2, 3]))).toEqual([])
  })

  it('is told once when several timelines came from it', () => {
    const branches = { 2: { parent: 1, at: 10 }, 3: { parent: 1, at: 20 } }
    expect(missing(known({ 1: [run(1, 5), run(7, 20)], 2: [run(10, 11)], 3: [run(20, 21)] }, branches))).toEqual([
      '1:5-7',
    ])
  })

  it('is recorded where there is a record of it, segment by segment', () => {
    const runs = { 1: [run(1, 5), run(10, 20)] }
    expect(missing(known(runs, {}, [[5, 10]]))).toEqual(['1:5-10r'])
    expect(missing(known(runs, {}, [[6, 8]]))).toEqual(['1:5-6', '1:6-8r', '1:8-10'])
    expect(missing(known(runs, {}, [[4, 7], [7, 30]]))).toEqual(['1:5-10r']) // prettier-ignore
    const half = { ...known(runs), gaps: [{ startLsn: segmentLsn(5, 1), endLsn: segmentLsn(9, 1) }] }
    expect(missing(half)).toEqual(['1:5-6', '1:6-9r', '1:9-10'])
    // Nobody knows where such a gap begins.
    const unknown = { ...known(runs), gaps: [{ startLsn: toLsn(0n), endLsn: segmentLsn(10) }] }
    expect(missing(unknown)).toEqual(['1:5-10'])
  })

  it('is all that is wanted and not there', () => {
    const branches = { 2: { parent: 1, at: 10 } }
    const wal = known({ 1: [run(5, 10)], 2: [run(10, 15)] }, branches)
    expect(missing(wal, { from: 3n })).toEqual(['1:3-5'])
    expect(missing(wal, { end: 17n })).toEqual(['2:15-17'])
    expect(missing(wal, { from: 6n, end: 15n })).toEqual([])
    expect(missing(wal, { from: 20n, end: 22n })).toEqual(['2:20-22'])
    expect(missing(wal, { from: 6n, end: 12n, timelineId: toTimelineId(1) })).toEqual(['1:10-12'])
    expect(missing(known({ 1: [run(5, 7), run(8, 9), run(10, 11)] }), { from: 8n })).toEqual(['1:9-10'])
  })

  it('is an end that is wanted, when it lies outside of what is there', () => {
    const wal = known({ 1: [run(5, 10)], 2: [run(10, 15)] }, { 2: { parent: 1, at: 10 } })
    expect(missing(wal, { from: 14n })).toEqual([])
    expect(missing(wal, { from: 15n })).toEqual(['2:15-16'])
    expect(missing(wal, { from: 20n })).toEqual(['2:20-21'])
    expect(missing(wal, { end: 6n })).toEqual([])
    expect(missing(wal, { end: 5n })).toEqual(['1:4-5'])
    expect(missing(wal, { end: 3n })).toEqual(['1:2-3'])
    expect(missing(wal, { from: 1n, end: 3n })).toEqual(['1:1-3'])
    expect(missing(known({ 2: [run(12, 15)] }, { 2: { parent: 1, at: 10 } }), { end: 4n })).toEqual(['1:3-4'])
  })

  it('is exactly what was taken away, on whatever branches', () => {
    const branch = fc.record({ parent: fc.nat(10), at: fc.nat(30), length: fc.integer({ min: 1, max: 30 }) })
    fc.assert(
      fc.property(fc.array(branch, { maxLength: 6 }), fc.array(fc.nat(400), { maxLength: 12 }), (list, taken) => {
        const ends = new Map([[1, 40]])
        const begins = new Map([[1, 0]])
        const branches: Record<number, Branch> = {}
        for (const [index, { parent, at, length }] of list.entries()) {
          const id = index + 2
          const from = (parent % (id - 1)) + 1
          const begin = begins.get(from) ?? 0
          const place = begin + (at % ((ends.get(from) ?? 1) - begin))
          branches[id] = { parent: from, at: place }
          begins.set(id, place)
          ends.set(id, place + length)
        }
        const all = [...begins].flatMap(([id, begin]) =>
          Array.from({ length: (ends.get(id) ?? 0) - begin }, (_, index) => ({ id, number: begin + index })),
        )
        // The first and the last segments of all timelines stay: without them nobody could know.
        const removable = all.filter(
          ({ id, number }) => number > (begins.get(id) ?? 0) && number + 1 < (ends.get(id) ?? 0),
        )
        const gone = new Set(taken.flatMap((place) => removable.at(place % (removable.length || 1)) ?? []))
        const runs: Record<number, NumberRun[]> = {}
        for (const segment of all) {
          if (gone.has(segment)) continue
          const present = (runs[segment.id] ??= [])
          const last = present.at(-1)
          if (last?.end === BigInt(segment.number))
            present[present.length - 1] = { first: last.first, end: last.end + 1n }
          else present.push(run(segment.number, segment.number + 1))
        }
        const found = findMissing(known(runs, branches), ALL).flatMap(({ timelineId, first, end }) =>
          Array.from({ length: Number(end - first) }, (_, index) => `${timelineId}:${Number(first) + index}`),
        )
        expect(found.toSorted()).toEqual([...gone].map(({ id, number }) => `${id}:${number}`).toSorted())
      }),
    )
  })
})

describe('what a recovery reads', () => {
  it('ends on each timeline where the next one begins', () => {
    const wal = known({ 1: [run(5, 14)], 2: [run(10, 15)] }, { 2: { parent: 1, at: 10 } })
    expect(lineRuns(wal, toTimelineId(2))).toEqual([
      { timelineId: 1, ...run(5, 10) },
      { timelineId: 2, ...run(10, 15) },
    ])
    expect(lineRuns(wal, toTimelineId(1))).toEqual([{ timelineId: 1, ...run(5, 14) }])
    expect(lineRuns(wal, toTimelineId(7))).toEqual([])
  })
})
