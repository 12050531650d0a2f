import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { INITIAL_ARCHIVE_STATUS, type ArchiveStatus } from '../archive/archive-status.ts'
import { toTimelineId } from '../wal/timeline-id.ts'
import type { ReportedStatus } from './archive/status-file.ts'
import { readStatus, statusTable } from './show-status.ts'

const NOW = new Date('2026-11-21T12:00:00Z')
let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-show-'))
  mkdirSync(join(directory, '.walr'))
})
afterEach(() => rmSync(directory, { recursive: true }))

interface Changed {
  readonly ageMs?: number
  readonly state?: ReportedStatus['receiver']['state']
  readonly archive?: Partial<ArchiveStatus>
  readonly guard?: ReportedStatus['guard']
}

function report({ ageMs = 1000, state = 'streaming', archive = {}, guard }: Changed = {}): void {
  const status: ReportedStatus = {
    format: 1,
    updatedAt: new Date(NOW.getTime() - ageMs).toISOString(),
    host: 'elsewhere',
    pid: 4711,
    receiver: { state, reason: 'as it is', since: '2026-11-21T11:00:00.000Z' },
    archive: { ...INITIAL_ARCHIVE_STATUS, state: 'idle', ...archive },
    guard,
  }
  writeFileSync(join(directory, '.walr', 'status.json'), JSON.stringify(status))
}

describe('the status of a directory', () => {
  it.each<[string, Changed, boolean, number]>([
    ['runs', {}, true, 0],
    ['was heard of 29 seconds ago', { ageMs: 29_000 }, true, 0],
    ['fell silent', { ageMs: 31_000 }, false, 1],
    ['stopped receiving', { state: 'stopped' }, false, 1],
    ['stopped archiving', { archive: { state: 'stopped' } }, false, 1],
    ['waits for its storage', { archive: { state: 'outage' } }, true, 0],
    ['misses WAL', { state: 'gap' }, true, 3],
    ['missed WAL and fell silent', { state: 'gap', ageMs: 86_400_000 }, false, 3],
  ])('of a walr that %s', async (_, changed, running, exitCode) => {
    report(changed)
    expect(await readStatus(directory, NOW)).toMatchObject({ running, exitCode })
  })

  it('is an error where there is none, and says how one comes to be', async () => {
    await expect(readStatus(directory, NOW)).rejects.toMatchObject({
      code: 'WALR_DIRECTORY',
      message: `no walr has written a status into "${directory}"`,
      hint: expect.stringContaining('walr receive') as string,
    })
  })

  it('is shown with everything that somebody has to look at', async () => {
    report({
      archive: {
        state: 'refused',
        archivedLsn: '0/700000',
        archivedTimelineId: toTimelineId(2),
        lastArchived: { walFileName: '000000010000000000000006', at: '2026-11-21T11:59:00.000Z' },
        backlog: { files: 2, bytes: 2_097_152, seconds: 61 },
        quarantined: ['000000010000000000000004'],
        lastError: { code: 'WALR_ARCHIVE_REFUSED', message: 'no room', at: '2026-11-21T11:59:30.000Z', attempts: 3 },
      },
    })
    const table = statusTable(await readStatus(directory, NOW)).split('\n')
    for (const line of [
      'walr            running (process 4711)',
      'receiver        streaming since 2026-11-21T11:00:00.000Z (as it is)',
      'archive         refused',
      'archived up to  0/700000 (timeline 2)',
      'last archived   000000010000000000000006 at 2026-11-21T11:59:00.000Z',
      'backlog         2 files, 2097152 bytes, oldest 61 s',
      'quarantined     000000010000000000000004',
      'last error      WALR_ARCHIVE_REFUSED at 2026-11-21T11:59:30.000Z: no room',
    ]) {
      expect(table).toContain(line)
    }
  })

  it.each<[number, number, string]>([
    [0, 0, 'none'],
    [2, 0, '2 recorded: take a new base backup, if there is none since'],
    [1, 1, '1 that the server may still fill: see the last error'],
    [
      3,
      1,
      '2 recorded: take a new base backup, if there is none since; 1 that the server may still fill: see the last error',
    ],
  ])('tells of %i gaps, %i of them held', async (gapCount, heldGapCount, text) => {
    report({ archive: { gapCount, heldGapCount } })
    expect(statusTable(await readStatus(directory, NOW)).split('\n')).toContain(`gaps            ${text}`)
  })

  it.each<[ReportedStatus['guard'], RegExp]>([
    [{ slot: 'guard', lsn: undefined, trouble: undefined }, /^guard slot +"guard" was not looked at yet$/m],
    [{ slot: 'guard', lsn: '0/3000000', trouble: undefined }, /^guard slot +"guard" keeps WAL from 0\/3000000 on$/m],
    [
      { slot: 'guard', lsn: '0/3000000', trouble: { code: 'WALR_SLOT_INVALID', message: 'lost', since: 'noon' } },
      /^guard slot +"guard": WALR_SLOT_INVALID since noon: lost$/m,
    ],
  ])('tells of a guard slot, and above all of one that guards nothing', async (guard, line) => {
    report({ guard })
    expect(statusTable(await readStatus(directory, NOW))).toMatch(line)
  })

  it('is shown before anything was archived, and of a walr that does not run', async () => {
    report({ ageMs: 60_000 })
    const table = statusTable(await readStatus(directory, NOW))
    expect(table).toContain('not running; last report 2026-11-21T11:59:00.000Z')
    expect(table).toContain('not known yet')
    expect(table).toContain('nothing since the start')
    expect(table).toMatch(/quarantined +none\nlast error +none$/)
  })
})
