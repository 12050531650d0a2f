import { describe, expect, it } from 'vitest'
import type { DigestMeter } from './part-reader.ts'
import { VerifiedBody } from './verified-body.ts'

/** A body of these texts that notes that it was left. */
function bodyOf(texts: readonly string[]): AsyncIterableIterator<Uint8Array, undefined> & { isLeft: () => boolean } {
  const left = [...texts]
  let isLeft = false
  return {
    next: () => {
      const text = left.shift()
      return Promise.resolve(text === undefined ? { done: true, value: undefined } : { value: Buffer.from(text) })
    },
    return: () => {
      isLeft = true
      left.length = 0
      return Promise.resolve({ done: true, value: undefined })
    },
    isLeft: () => isLeft,
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

function concatenation(): DigestMeter<string> {
  let text = ''
  return { update: (bytes) => void (text += Buffer.from(bytes).toString()), finish: () => text }
}

describe('a verified body', () => {
  it('passes its bytes through and is checked once, at its end', async () => {
    const seen: string[] = []
    const body = new VerifiedBody(bodyOf(['a', 'b']), concatenation(), (digest) => void seen.push(digest))
    const [first, second, third, fourth] = [await body.next(), await body.next(), await body.next(), await body.next()]
    expect(Buffer.concat([first.value ?? Buffer.of(), second.value ?? Buffer.of()]).toString()).toBe('ab')
    expect([third.done, fourth.done]).toEqual([true, true])
    expect(seen).toEqual(['ab'])
  })

  it('ends with what its check throws', async () => {
    const body = new VerifiedBody(bodyOf(['a']), concatenation(), () => {
      throw new Error('altered')
    })
    await expect(Array.fromAsync(body)).rejects.toThrow('altered')
  })

  it('that is left early frees what it reads, and is not checked', async () => {
    const inner = bodyOf(['a', 'b'])
    const body = new VerifiedBody(inner, concatenation(), () => expect.unreachable())
    await body.next()
    await body.return()
    expect(inner.isLeft()).toBe(true)
    expect((await body.next()).done).toBe(true)
  })
})
