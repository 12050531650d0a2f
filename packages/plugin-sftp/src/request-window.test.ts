import { describe, expect, it } from 'vitest'
import { RequestWindow } from './request-window.ts'

describe('a window of requests', () => {
  it('lets so many begin, and the next one when one has ended', async () => {
    const window = new RequestWindow(2)
    const requests = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    for (const { promise } of requests) {
      await window.room()
      window.add(promise)
    }
    let hasRoom = false
    const room = window.room().then(() => (hasRoom = true))
    await Promise.resolve()
    expect(hasRoom).toBe(false)
    requests[1]?.resolve()
    await room
    requests[0]?.resolve()
    await window.empty()
  })

  it('rejects with the error of the first that failed, also when nobody was waiting', async () => {
    const window = new RequestWindow(2)
    const [first, second] = [new Error('first'), new Error('second')]
    window.add(Promise.reject(first))
    window.add(Promise.reject(second))
    await new Promise((resolve) => setImmediate(resolve))
    await expect(window.room()).rejects.toBe(first)
    await expect(window.empty()).rejects.toBe(first)
  })
})
