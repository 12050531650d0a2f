import { describe, expect, it } from 'vitest'
import { isWalrError } from '../../errors/walr-error.ts'
import type { RetentionInput } from '../contract/index.ts'
import { LoadedRetention } from './loaded-retention.ts'

const backup = (id: string): RetentionInput['backups'][number] => ({
  id,
  startedAt: new Date(0),
  finishedAt: new Date(1),
  timelineId: 1,
  parentId: undefined,
  pinned: false,
  size: 1,
})
const input: RetentionInput = { now: new Date(2), backups: [backup('a'), backup('b')] }
const keep = (backupId: string): unknown => ({ backupId, action: 'keep', reason: 'newest' })
const planned = (plan: unknown): unknown => new LoadedRetention({ plan: () => plan as never }, 'x').plan(input)

describe('a retention policy that was loaded', () => {
  it('decides once on each backup', () => {
    expect(planned([keep('b'), { ...(keep('a') as object), action: 'remove' }])).toHaveLength(2)
  })

  it.each([
    ['no list', undefined],
    ['a backup left out', [keep('a')]],
    ['a backup decided on twice', [keep('a'), keep('a'), keep('b')]],
    ['a backup that was not asked about', [keep('a'), keep('b'), keep('c')]],
    ['an action that does not exist', [keep('a'), { ...(keep('b') as object), action: 'archive' }]],
    ['no reason', [keep('a'), { backupId: 'b', action: 'keep' }]],
  ])('is refused for a plan with %s', (_what, plan) => {
    expect(() => planned(plan)).toThrow(expect.toSatisfy((error) => isWalrError(error, 'WALR_PLUGIN')) as Error)
  })

  it('is refused when it throws, with what it threw as the cause', () => {
    const cause = new Error('oops')
    const policy = new LoadedRetention(
      {
        plan: () => {
          throw cause
        },
      },
      'x',
    )
    expect(() => policy.plan(input)).toThrow(expect.objectContaining({ code: 'WALR_PLUGIN', cause }) as Error)
  })
})
