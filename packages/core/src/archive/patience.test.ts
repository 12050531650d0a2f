import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { StorageError } from '../plugins/contract/index.ts'
import { WalrError } from '../errors/walr-error.ts'
import { RecordingLogger } from '../wal/recording.fixture.ts'
import { JumpingClock } from './archiver.fixture.ts'
import { duringOutages } from './patience.ts'

const away = new StorageError('Transient', 'connection refused')
let clock: JumpingClock
let logger: RecordingLogger
let stop: AbortController
let attempts: number
beforeEach(() => {
  clock = new JumpingClock()
  clock.graceMs = 0
  logger = new RecordingLogger()
  stop = new AbortController()
  attempts = 0
})
afterEach(() => stop.abort())

function patiently(seconds: number, attempt: () => Promise<string>): Promise<string> {
  const untilMs = clock.nowMs() + seconds * 1000
  const counted = (): Promise<string> => {
    attempts += 1
    return attempt()
  }
  return duringOutages('archive "X"', counted, { untilMs, clock, logger, random: () => 1 }, stop.signal)
}

describe('an outage', () => {
  it('is waited for, with growing pauses', async () => {
    const answer = patiently(60, () => (attempts < 8 ? Promise.reject(away) : Promise.resolve('there')))
    expect(await answer).toBe('there')
    expect(clock.waits).toEqual([250, 500, 1000, 2000, 4000, 5000, 5000])
    expect(logger.lines[0]).toBe('info: could not archive "X": connection refused; trying again')
  })

  it('is an error when it lasts, and nothing is begun after the time', async () => {
    const began = clock.nowMs()
    await expect(patiently(60, () => Promise.reject(away))).rejects.toMatchObject({
      code: 'WALR_ARCHIVE_UNAVAILABLE',
      message: 'could not archive "X": connection refused',
    })
    expect(clock.nowMs() - began).toBeLessThanOrEqual(60_000)
    expect(clock.nowMs() - began).toBeGreaterThan(54_000)
  })

  it('is not waited for without time', async () => {
    await expect(patiently(0, () => Promise.reject(away))).rejects.toMatchObject({ code: 'WALR_ARCHIVE_UNAVAILABLE' })
    expect(attempts).toBe(1)
  })

  it('is over when the service says, and an error when that is too late', async () => {
    const error = (retryAfterMs: number): StorageError => new StorageError('Transient', 'slow down', { retryAfterMs })
    expect(await patiently(60, () => (attempts < 2 ? Promise.reject(error(9000)) : Promise.resolve('there')))).toBe(
      'there',
    )
    expect(clock.waits).toEqual([9000])
    await expect(patiently(60, () => Promise.reject(error(61_000)))).rejects.toThrow('slow down')
    await expect(patiently(60, () => Promise.reject(error(Number.NaN)))).rejects.toThrow('slow down')
  })

  it('ends at once when the process is asked to end', async () => {
    clock.graceMs = 60_000
    const answer = patiently(60, () => Promise.reject(away))
    setImmediate(() => stop.abort(new Error('SIGTERM')))
    await expect(answer).rejects.toThrow('SIGTERM')
    expect(attempts).toBe(1)
  })
})

it.each([
  new StorageError('AccessDenied', 'no'),
  new StorageError('Permanent', 'no such bucket'),
  new WalrError('WALR_SEGMENT_CORRUPT', 'damaged'),
  new WalrError('WALR_ARCHIVE_CONFLICT', 'another one'),
  new Error('anything'),
])('what does not pass by itself is not tried again: $message', async (error) => {
  await expect(patiently(60, () => Promise.reject(error))).rejects.toBeInstanceOf(WalrError)
  expect(attempts).toBe(1)
})
