import { StorageError } from '@walr/core/plugin'
import { describe, expect, it } from 'vitest'
import type { AccessToken, TokenSource } from './access-token.ts'
import { TokenCache } from './token-cache.ts'

const never = new AbortController().signal

/** A cache with a clock, and a source that counts and can be told to fail. */
function bench(lifetimeMs: number) {
  const state = { nowMs: 0, asked: 0, failure: undefined as Error | undefined }
  const source: TokenSource = () => {
    state.asked += 1
    if (state.failure) return Promise.reject(state.failure)
    return Promise.resolve({ value: `token ${state.asked}`, expiresAtMs: state.nowMs + lifetimeMs })
  }
  const cache = new TokenCache(source, () => new Date(state.nowMs))
  return { state, ask: async () => (await cache.get(never)).value, cache }
}

describe('a token', () => {
  it('is kept until some minutes before its end', async () => {
    const { state, ask } = bench(3_600_000)
    expect(await Promise.all([ask(), ask()])).toEqual(['token 1', 'token 1'])
    state.nowMs = 3_300_000
    expect(await ask()).toBe('token 1')
    state.nowMs = 3_400_000
    expect(await ask()).toBe('token 2')
    expect(state.asked).toBe(2)
  })

  it('is used up to its end while a new one cannot be had, and no longer', async () => {
    const { state, ask } = bench(3_600_000)
    await ask()
    state.failure = new StorageError('Transient', 'down')
    state.nowMs = 3_580_000
    expect(await ask()).toBe('token 1')
    state.nowMs = 3_599_000
    await expect(ask()).rejects.toThrow('down')
  })

  it('is not used any more when a new one is refused', async () => {
    const { state, ask } = bench(3_600_000)
    await ask()
    state.failure = new StorageError('AccessDenied', 'no')
    state.nowMs = 3_500_000
    await expect(ask()).rejects.toThrow('no')
  })

  it('that is forgotten is asked for again; another one is not touched', async () => {
    const { ask, cache } = bench(3_600_000)
    const first = await cache.get(never)
    cache.forget(first)
    expect(await ask()).toBe('token 2')
    cache.forget(first)
    expect(await ask()).toBe('token 2')
  })

  it('goes on being fetched as long as somebody waits for it, and is given up after that', async () => {
    const given = Promise.withResolvers<AccessToken>()
    const signals: AbortSignal[] = []
    const cache = new TokenCache(
      (signal) => {
        signals.push(signal)
        return given.promise
      },
      () => new Date(0),
    )
    const [first, second] = [new AbortController(), new AbortController()]
    const reasons = [first, second].map(({ signal }) => cache.get(signal).catch((error: unknown) => error))
    first.abort('first')
    expect(await reasons[0]).toBe('first')
    expect(signals[0]?.aborted).toBe(false)
    second.abort('second')
    expect(await reasons[1]).toBe('second')
    expect(signals[0]?.aborted).toBe(true)
    const third = cache.get(never)
    expect(signals).toHaveLength(2)
    given.resolve({ value: 'late', expiresAtMs: 3_600_000 })
    expect((await third).value).toBe('late')
  })
})
