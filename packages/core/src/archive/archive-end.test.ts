import { beforeEach, describe, expect, it } from 'vitest'
import { parseTimelineHistory, type TimelineHistory } from '../wal/timeline-history.ts'
import { toTimelineId } from '../wal/timeline-id.ts'
import { CLUSTER, SEGMENT, segmentName } from '../wal/wal-bytes.fixture.ts'
import { StorageError } from '../plugins/contract/index.ts'
import { findArchiveEnd } from './archive-end.ts'
import { ArchiveInventory } from './archive-inventory.ts'
import { ArchiveLayout } from './archive-layout.ts'
import { ScriptedStorage } from './scripted-storage.fixture.ts'

const layout = new ArchiveLayout('main', CLUSTER)
let storage: ScriptedStorage
beforeEach(() => {
  storage = new ScriptedStorage()
})

/** Puts segments as `timeline/number`, in hexadecimal. */
function put(...segments: string[]): void {
  for (const segment of segments) {
    const [timelineId = 0, number = 0] = segment.split('/').map((part) => Number.parseInt(part, 16))
    const name = segmentName(number, timelineId)
    storage.objects.set(`${layout.walPrefix}${name.slice(0, 8)}/${name}.zst`, Buffer.alloc(0))
  }
}

const recordGap = (name: string): unknown => storage.objects.set(`${layout.gapsPrefix}${name}.json`, Buffer.alloc(0))

/** Puts the history of a timeline. */
const history = (timelineId: number, ...switches: string[]): unknown =>
  storage.objects.set(layout.historyKey(`0000000${timelineId}.history`), Buffer.from(switches.join('\n')))

/** The end for a server on this timeline, as `timeline/number`; the history is that of PostgreSQL's file. */
const end = (timelineId: number, ...switches: string[]): Promise<string | undefined> =>
  endFor(timelineId, parseTimelineHistory(toTimelineId(timelineId), switches.join('\n')))

async function endFor(timelineId: number, known: TimelineHistory | undefined): Promise<string | undefined> {
  const server = { timelineId: toTimelineId(timelineId), history: known }
  const inventory = new ArchiveInventory(storage, layout, SEGMENT)
  const found = await findArchiveEnd(inventory, server, SEGMENT, new AbortController().signal)
  return found && `${found.timelineId}/${(found.startLsn / BigInt(SEGMENT)).toString(16)}`
}

describe('the end of an archive', () => {
  it('is unknown without WAL', async () => {
    expect(await end(1)).toBeUndefined()
    expect(await end(3, '1\t0/5000A0', '2\t0/8000A0')).toBeUndefined()
  })

  it('is behind the newest segment', async () => {
    put('1/4', '1/5', '1/6')
    expect(await end(1)).toBe('1/7')
  })

  it('is where uploads left a hole, and behind it when the gap is recorded', async () => {
    put('1/4', '1/5', '1/8', '1/9', '1/b')
    expect(await end(1)).toBe('1/6')
    recordGap('0000000000600000-0000000000800000')
    expect(await end(1)).toBe('1/a')
    recordGap('0000000000A00000-0000000000B00000')
    expect(await end(1)).toBe('1/c')
  })

  it('is on the child from the segment of the switch on', async () => {
    put('1/4')
    expect(await end(2, '1\t0/5000A0')).toBe('2/5')
    put('1/5')
    expect(await end(2, '1\t0/5000A0')).toBe('2/5')
    put('2/5')
    expect(await end(2, '1\t0/5000A0')).toBe('2/6')
  })

  it('is still on the parent when the archive has not reached the switch', async () => {
    put('1/3')
    expect(await end(2, '1\t0/5000A0')).toBe('1/4')
  })

  it('does not follow a branch that the server has left', async () => {
    put('1/4', '1/5', '1/6', '1/7')
    expect(await end(2, '1\t0/5000A0')).toBe('2/5')
    put('2/5', '2/6')
    expect(await end(2, '1\t0/5000A0')).toBe('2/7')
  })

  it('goes through timelines that ended in the same segment', async () => {
    put('1/4')
    expect(await end(3, '1\t0/5000A0', '2\t0/5000F0')).toBe('3/5')
  })

  it('is before a hole on a parent, at a switch, and at the beginning of a child', async () => {
    put('1/3', '1/4', '2/5', '2/6')
    expect(await end(2, '1\t0/5000A0')).toBe('2/7')
    expect(await end(2, '1\t0/6000A0')).toBe('1/5')
    storage.objects.clear()
    put('1/3', '1/4', '2/6')
    expect(await end(2, '1\t0/5000A0')).toBe('2/5')
  })

  it('is before a timeline of which nothing is there while its child has WAL', async () => {
    put('1/4', '3/8', '3/9')
    expect(await end(3, '1\t0/5000A0', '2\t0/8000A0')).toBe('2/5')
    recordGap('0000000000500000-0000000000800000')
    expect(await end(3, '1\t0/5000A0', '2\t0/8000A0')).toBe('3/a')
  })

  it('is behind a recorded gap at the end of a parent', async () => {
    put('1/3')
    recordGap('0000000000400000-0000000000500000')
    expect(await end(2, '1\t0/5000A0')).toBe('2/5')
  })

  it('says nothing of a time before the archive began', async () => {
    put('2/7', '2/8')
    expect(await end(2, '1\t0/5000A0')).toBe('2/9')
  })

  it('is refused when the archive is ahead on a timeline that the server does not know', async () => {
    put('1/4', '2/5')
    await expect(end(1)).rejects.toMatchObject({ code: 'WALR_TIMELINE' })
  })

  it('is refused when the archive has another history of the server’s timeline or of an ancestor', async () => {
    put('1/4', '2/5')
    history(2, '1\t0/5000A0\tno recovery target specified')
    expect(await end(2, '1\t0/5000A0\tno reason')).toBe('2/6')
    const refused = { code: 'WALR_TIMELINE', message: 'the archive has another history of timeline 2' }
    await expect(end(2, '1\t0/5000B0')).rejects.toMatchObject(refused)
    await expect(end(3, '1\t0/5000B0', '2\t0/6000A0')).rejects.toMatchObject(refused)
    expect(await end(3, '1\t0/5000A0', '2\t0/6000A0')).toBe('3/6')
    history(3, '2\t0/6000A0')
    expect(await end(3, '1\t0/5000A0', '2\t0/6000A0')).toBe('3/6')
    history(3, '1\t0/6000A0')
    await expect(end(3, '1\t0/5000A0', '2\t0/6000A0')).rejects.toMatchObject({ code: 'WALR_TIMELINE' })
  })

  it('is found by the archive’s history when the server does not tell its own', async () => {
    put('1/3', '1/4')
    history(2, '1\t0/5000A0')
    expect(await endFor(2, undefined)).toBe('2/5')
  })

  it('is refused when nobody knows how the server’s timeline continues the archive’s', async () => {
    expect(await endFor(2, undefined)).toBeUndefined()
    put('1/3', '1/4')
    await expect(endFor(2, undefined)).rejects.toMatchObject({
      code: 'WALR_TIMELINE',
      message: 'the server has no history file of its timeline 2',
    })
    put('2/7')
    expect(await endFor(2, undefined)).toBe('2/8')
  })

  it('is an error, and not unknown, when the storage cannot tell', async () => {
    put('1/4')
    for (const code of ['Transient', 'NotFound', 'Permanent'] as const) {
      storage.script = () => {
        throw new StorageError(code, 'no')
      }
      await expect(end(1)).rejects.toMatchObject({ code })
    }
  })

  it('costs less than 60 listings a timeline', async () => {
    put('1/4', '2/5', '2/6', '3/8')
    await end(3, '1\t0/5000A0', '2\t0/8000A0')
    expect(storage.calls.length).toBeLessThan(3 * 60)
  })
})
