import { describe, expect, it } from 'vitest'
import type { Clock } from '../archive/clock.ts'
import { WalrError } from '../errors/walr-error.ts'
import { StorageError } from '../plugins/contract/index.ts'
import { RecordingLogger } from '../wal/recording.fixture.ts'
import { Patience, type PatienceOptions } from './patience.ts'

/** Time that passes when everybody waits for it. */
class WaitedTime implements Clock {
  #nowMs = 0
  readonly #waiters = new Set<{ readonly atMs: number; readonly wake: () => void }>()

  nowMs(): number {
    return this.#nowMs
  }

  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    await new Promise<void>((resolve) => {
      const waiter = { atMs: this.#nowMs + ms, wake: resolve }
      this.#waiters.add(waiter)
      signal.addEventListener('abort', () => {
        this.#waiters.delete(waiter)
        resolve()
      })
      setImmediate(() => this.#pass())
    })
  }

  /** Wakes the first waiter; an attempt that is under way has had its turn. */
  #pass(): void {
    const [first] = [...this.#waiters].sort((a, b) => a.atMs - b.atMs)
    if (first === undefined) return
    this.#waiters.delete(first)
    this.#nowMs = Math.max(this.#nowMs, first.atMs)
    first.wake()
    setImmediate(() => this.#pass())
  }
}

const outage = (retryAfterMs?: number): WalrError =>
  new WalrError('WALR_ARCHIVE_UNAVAILABLE', 'away', { cause: new StorageError('Transient', 'away', { retryAfterMs }) })
const refusal = new WalrError('WALR_ARCHIVE_REFUSED', 'no', { cause: new StorageError('AccessDenied', 'no') })

function make(options: Partial<PatienceOptions> = {}): {
  patience: Patience
  clock: WaitedTime
  logger: RecordingLogger
} {
  const clock = new WaitedTime()
  const logger = new RecordingLogger()
  const patience = new Patience({ timeoutMs: 60_000, unavailable: 'fail', clock, logger, random: () => 1, ...options })
  return { patience, clock, logger }
}

const never = new AbortController().signal

describe('patience', () => {
  it('tries an outage again until it is over', async () => {
    const { patience, clock } = make()
    const attempt = (): Promise<string> =>
      clock.nowMs() < 20_000 ? Promise.reject(outage()) : Promise.resolve('delivered')
    expect(await patience.run(attempt, never)).toBe('delivered')
    expect(clock.nowMs()).toBeLessThan(26_000)
  })

  it('gives up with the last error when the time is over, after an attempt at its very end', async () => {
    const { patience, clock } = make({ timeoutMs: 10_000 })
    const times: number[] = []
    const attempt = (): Promise<never> => {
      times.push(clock.nowMs())
      return Promise.reject(outage())
    }
    await expect(patience.run(attempt, never)).rejects.toThrow('away')
    expect(times.length).toBeGreaterThan(4)
    expect(times.at(-1)).toBe(10_000)
  })

  it('tries once when it has no time', async () => {
    const { patience, clock } = make({ timeoutMs: 0 })
    await expect(patience.run(() => Promise.reject(outage()), never)).rejects.toThrow('away')
    expect(clock.nowMs()).toBe(0)
  })

  it.each([
    ['a refusal', refusal],
    ['damage', new WalrError('WALR_SEGMENT_CORRUPT', 'no')],
    ['a wrong key', new WalrError('WALR_KEY', 'no')],
    ['an archive that nobody asks', new WalrError('WALR_ARCHIVE_UNAVAILABLE', 'no')],
    ['a fault of walr', new TypeError('no')],
  ])('does not wait for %s', async (_what, error) => {
    const { patience, clock } = make()
    await expect(patience.run(() => Promise.reject(error), never)).rejects.toBe(error)
    expect(clock.nowMs()).toBe(0)
  })

  it('leaves the storage alone for as long as it asks', async () => {
    const { patience, clock } = make()
    let tries = 0
    const attempt = (): Promise<number> => (tries++ === 0 ? Promise.reject(outage(30_000)) : Promise.resolve(tries))
    expect(await patience.run(attempt, never)).toBe(2)
    expect(clock.nowMs()).toBe(30_000)
  })

  it('waits for outages and refusals without an end when it is told to, and says so each minute', async () => {
    const { patience, clock, logger } = make({ unavailable: 'retry', timeoutMs: 1_000 })
    const warnings: number[] = []
    logger.warning = () => void warnings.push(clock.nowMs())
    const attempt = (): Promise<string> => {
      if (clock.nowMs() < 180_000) return Promise.reject(clock.nowMs() % 2 === 0 ? outage() : refusal)
      return Promise.resolve('delivered')
    }
    expect(await patience.run(attempt, never)).toBe('delivered')
    expect(warnings[0]).toBe(0)
    expect(warnings.length).toBeGreaterThanOrEqual(3)
    expect(warnings.length).toBeLessThanOrEqual(4)
  })

  it('does not wait for damage even then', async () => {
    const { patience } = make({ unavailable: 'retry' })
    const error = new WalrError('WALR_OBJECT_CORRUPT', 'damaged')
    await expect(patience.run(() => Promise.reject(error), never)).rejects.toBe(error)
  })

  it('ends when nobody wants the file any more', async () => {
    const { patience, clock } = make({
      unavailable: 'retry',
      isWanted: () => Promise.resolve(clock.nowMs() < 100_000),
    })
    await expect(patience.run(() => Promise.reject(outage()), never)).rejects.toThrow('away')
    expect(clock.nowMs()).toBeLessThan(106_000)
  })

  it('ends at once when it is aborted', async () => {
    const { patience } = make({ unavailable: 'retry' })
    const stop = new AbortController()
    const attempt = (): Promise<never> => {
      stop.abort(new Error('shutting down'))
      return Promise.reject(outage())
    }
    await expect(patience.run(attempt, stop.signal)).rejects.toThrow('shutting down')
  })

  it('gives an attempt up from which nothing comes, as an outage', async () => {
    const { patience, clock } = make()
    let aborted = false
    const attempt = (signal: AbortSignal): Promise<never> =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          aborted = true
          reject(new Error('aborted'))
        })
      })
    await expect(patience.run(attempt, never)).rejects.toMatchObject({
      code: 'WALR_ARCHIVE_UNAVAILABLE',
      message: 'nothing came for 60 s',
    })
    expect(aborted).toBe(true)
    expect(clock.nowMs()).toBe(60_000)
  })

  it('leaves an attempt that does not even end then', async () => {
    const { patience, clock } = make({ timeoutMs: 10_000 })
    await expect(patience.run(() => new Promise(() => undefined), never)).rejects.toThrow('nothing came')
    expect(clock.nowMs()).toBeLessThan(20_000)
  })

  it('lets an attempt go on that makes progress', async () => {
    const { patience, clock } = make({ timeoutMs: 1_000 })
    const attempt = async (signal: AbortSignal, progress: () => void): Promise<string> => {
      for (let step = 0; step < 20; step++) {
        await clock.wait(3_000, signal)
        signal.throwIfAborted()
        progress()
      }
      return 'delivered'
    }
    expect(await patience.run(attempt, never)).toBe('delivered')
    expect(clock.nowMs()).toBe(60_000)
  })
})
