import { describe, expect, it } from 'vitest'
import { ConnectionShare } from './connection-share.ts'

/** Takes as many as there are, and not more than `limit`. */
function takeAll(share: ConnectionShare, address: string | undefined, limit = 100): (() => void)[] {
  const taken: (() => void)[] = []
  for (let give = share.take(address); give !== undefined; give = share.take(address)) {
    taken.push(give)
    if (taken.length === limit) break
  }
  return taken
}

describe('connections', () => {
  it('leave half of all to others, and a quarter to each of them', () => {
    const share = new ConnectionShare(16)
    expect(takeAll(share, '10.0.0.1')).toHaveLength(8)
    expect(takeAll(share, '10.0.0.2')).toHaveLength(4)
    expect(takeAll(share, '2001:db8::1')).toHaveLength(4)
  })

  it('that are closed make room, once each', () => {
    const share = new ConnectionShare(16)
    const [first] = takeAll(share, '10.0.0.1')
    first?.()
    first?.()
    expect(takeAll(share, '10.0.0.1')).toHaveLength(1)
  })

  it.each([undefined, '127.0.0.1', '127.8.9.1', '::1', '::ffff:127.0.0.1'])(
    'of this machine have no limit: %s',
    (own) => {
      expect(takeAll(new ConnectionShare(16), own, 20)).toHaveLength(20)
    },
  )

  it('are crowded when more than half of them are taken', () => {
    const share = new ConnectionShare(4)
    const taken = takeAll(share, '127.0.0.1', 2)
    expect(share.isCrowded).toBe(false)
    taken.push(...takeAll(share, '127.0.0.1', 1))
    expect(share.isCrowded).toBe(true)
    taken[0]?.()
    expect(share.isCrowded).toBe(false)
  })
})
