import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isOptionsError, type RetentionBackup } from '@walr/core/plugin'
import { KeepPolicy } from '../src/keep-policy.ts'
import { parseOptions } from '../src/options.ts'

const now = new Date('2026-01-31T00:00:00Z')

function backup(id: string, daysAgo: number, more: Partial<RetentionBackup> = {}): RetentionBackup {
  const finishedAt = new Date(now.getTime() - daysAgo * 86_400_000)
  return { id, startedAt: finishedAt, finishedAt, timelineId: 1, parentId: undefined, pinned: false, size: 1, ...more }
}

function kept(options: Readonly<Record<string, unknown>>, backups: readonly RetentionBackup[]): readonly string[] {
  const decisions = new KeepPolicy(parseOptions(options)).plan({ now, backups })
  return decisions.filter(({ action }) => action === 'keep').map(({ backupId }) => backupId)
}

describe('the policy', () => {
  it('keeps the newest ones, whatever their age', () => {
    assert.deepEqual(kept({ keepLast: 2, window: '1d' }, [backup('a', 30), backup('b', 20), backup('c', 10)]), [
      'b',
      'c',
    ])
  })

  it('keeps what is inside the window, and what that is built on', () => {
    const backups = [backup('a', 30), backup('b', 20), backup('c', 6, { parentId: 'b' }), backup('d', 1)]
    assert.deepEqual(kept({ keepLast: 1, window: '7d' }, backups), ['b', 'c', 'd'])
  })
})

describe('the options', () => {
  it('are refused with all faults at once', () => {
    const isRefusal = (error: unknown): boolean => isOptionsError(error) && error.faults.length === 3
    assert.throws(() => parseOptions({ keepLast: 0, window: 'a week', windw: 1 }), isRefusal)
  })
})
