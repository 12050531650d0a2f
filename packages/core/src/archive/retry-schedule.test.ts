import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StorageError } from '../plugins/contract/index.ts'
import { archiveFailure, type ArchiveFailure, type FailureKind } from './archive-error.ts'
import { RetrySchedule } from './retry-schedule.ts'

const outage = (retryAfterMs?: number): ArchiveFailure =>
  archiveFailure('archive "x"', new StorageError('Transient', 'away', { retryAfterMs }))
const refused = archiveFailure('archive "x"', new StorageError('AccessDenied', 'no'))
const local = archiveFailure('archive "x"', new Error('a fault'))
const failures: Readonly<Record<FailureKind, ArchiveFailure>> = { outage: outage(), refused, local }

/** What the first and the longest pause are, before jitter. */
const limits: Readonly<Record<FailureKind, readonly [number, number]>> = {
  outage: [1000, 60_000],
  refused: [30_000, 300_000],
  local: [60_000, 600_000],
}
const kinds = fc.constantFrom<FailureKind>('outage', 'refused', 'local')
const fraction = fc.double({ min: 0, max: 0.999_999, noNaN: true })

/** Eight uploads that were under way when the line was cut. */
it('counts failures of attempts that were under way together once', () => {
  const schedule = new RetrySchedule(() => 1)
  for (const name of 'abcdefgh') schedule.failed(name, failures.outage, 1500, 0)
  expect(schedule.trouble).toMatchObject({ attempts: 1, untilMs: 2500 })
  schedule.failed('a', failures.outage, 3000, 2500)
  expect(schedule.trouble).toMatchObject({ attempts: 2, untilMs: 5000 })
})

describe('the schedule of attempts', () => {
  it('lets everything be tried at once while nothing has failed', () => {
    const schedule = new RetrySchedule()
    expect(schedule.isDue('a', 0)).toBe(true)
    expect(schedule.trouble).toBeUndefined()
    expect(schedule.nextDueMs(['a'])).toBe(0)
    expect(schedule.nextDueMs([])).toBe(Infinity)
  })

  it('pauses between half and all of a step that doubles up to a limit, however long it lasts', () => {
    fc.assert(
      fc.property(kinds, fc.array(fraction, { minLength: 1, maxLength: 80 }), (kind, fractions) => {
        let random = 0
        const schedule = new RetrySchedule(() => random)
        const [firstMs, maxMs] = limits[kind]
        let nowMs = 1_000_000
        for (const [index, value] of fractions.entries()) {
          random = value
          schedule.failed('a', failures[kind], nowMs)
          const pauseMs = schedule.nextDueMs(['a']) - nowMs
          const step = Math.min(maxMs, firstMs * 2 ** index)
          expect(pauseMs).toBeGreaterThanOrEqual(step / 2)
          expect(pauseMs).toBeLessThanOrEqual(step)
          expect(schedule.isDue('a', nowMs + pauseMs - 1)).toBe(false)
          expect(schedule.isDue('a', nowMs + pauseMs)).toBe(true)
          nowMs += pauseMs
        }
      }),
      { numRuns: 200 },
    )
  })

  it('never lets a file wait for ever, whatever fails in whatever order', () => {
    const event = fc.record({ name: fc.constantFrom('a', 'b', 'c'), kind: fc.option(kinds), afterMs: fc.nat(700_000) })
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const schedule = new RetrySchedule(() => 1)
        let nowMs = 0
        for (const { name, kind, afterMs } of events) {
          nowMs += afterMs
          if (kind === null) schedule.succeeded(name)
          else schedule.failed(name, failures[kind], nowMs)
          for (const file of ['a', 'b', 'c', 'new']) {
            const dueMs = schedule.nextDueMs([file])
            expect(dueMs - nowMs).toBeLessThanOrEqual(600_000)
            expect(schedule.isDue(file, Math.max(dueMs, nowMs))).toBe(true)
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  it('waits at least as long as the storage asks for, but not for days', () => {
    const after = (retryAfterMs: number): number => {
      const schedule = new RetrySchedule(() => 1)
      schedule.failed('a', outage(retryAfterMs), 0)
      return schedule.nextDueMs(['a'])
    }
    expect(after(0)).toBe(1000)
    expect(after(500)).toBe(1000)
    expect(after(90_000)).toBe(90_000)
    for (const absurd of [1e12, Infinity]) expect(after(absurd)).toBe(3_600_000)
    expect(after(Number.NaN)).toBe(1000)
    expect(after(-5)).toBe(1000)
  })

  it('holds up everything during an outage, and blames no file for it', () => {
    const schedule = new RetrySchedule(() => 1)
    schedule.failed('a', outage(), 0)
    expect(schedule.trouble).toMatchObject({ kind: 'outage', sinceMs: 0, attempts: 1, untilMs: 1000 })
    expect(schedule.isDue('b', 999)).toBe(false)
    expect(schedule.isDue('a', 1000) && schedule.isDue('b', 1000)).toBe(true)
    schedule.failed('b', outage(), 1000)
    expect(schedule.trouble).toMatchObject({ sinceMs: 0, attempts: 2, untilMs: 3000 })
    expect(schedule.succeeded('c')).toMatchObject({ kind: 'outage', attempts: 2 })
    expect(schedule.trouble).toBeUndefined()
    expect(schedule.isDue('a', 1001) && schedule.isDue('b', 1001)).toBe(true)
  })

  it('does not hold up other files for one that is refused or bad', () => {
    for (const failure of [refused, local]) {
      const schedule = new RetrySchedule(() => 1)
      for (let nowMs = 0; nowMs < 5_000_000; nowMs += 700_000) {
        schedule.failed('bad', failure, nowMs)
        expect(schedule.isDue('bad', nowMs)).toBe(false)
        expect(schedule.isDue('good', nowMs)).toBe(true)
        expect(schedule.succeeded('good')).toBeUndefined()
      }
      expect(schedule.attemptsOf('bad')).toBe(8)
      expect(schedule.attemptsOf('good')).toBe(0)
    }
  })

  it('takes refusals in a row for the storage’s, until something goes well', () => {
    const schedule = new RetrySchedule(() => 1)
    schedule.failed('a', refused, 0)
    expect(schedule.trouble).toBeUndefined()
    schedule.failed('b', refused, 0)
    expect(schedule.trouble).toMatchObject({ kind: 'refused', attempts: 1, untilMs: 30_000 })
    expect(schedule.isDue('c', 29_999)).toBe(false)
    expect(schedule.succeeded('c')).toMatchObject({ kind: 'refused' })
    schedule.failed('a', refused, 40_000)
    expect(schedule.trouble).toBeUndefined()
  })

  it('never takes local faults for the storage’s', () => {
    const schedule = new RetrySchedule(() => 1)
    for (let number = 0; number < 50; number += 1) schedule.failed(`f${number}`, local, 0)
    expect(schedule.trouble).toBeUndefined()
    expect(schedule.isDue('other', 0)).toBe(true)
  })

  it('forgets files that are gone', () => {
    const schedule = new RetrySchedule(() => 1)
    schedule.failed('gone', local, 0)
    schedule.failed('there', local, 0)
    schedule.keepOnly(new Set(['there']))
    expect([schedule.attemptsOf('gone'), schedule.attemptsOf('there')]).toEqual([0, 1])
    expect(schedule.isDue('gone', 0)).toBe(true)
  })
})
