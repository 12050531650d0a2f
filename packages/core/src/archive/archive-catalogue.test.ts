import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StorageError } from '../plugins/contract/index.ts'
import { toTimelineId } from '../wal/timeline-id.ts'
import { CLUSTER, SEGMENT, segmentName } from '../wal/wal-bytes.fixture.ts'
import { listArchive, type ArchiveListing } from './archive-catalogue.ts'
import { parseArchiveKey } from './archive-key.ts'
import { ScriptedStorage } from './scripted-storage.fixture.ts'

const { signal } = new AbortController()
const base = `main/${CLUSTER}`

function storageWith(keys: readonly string[]): ScriptedStorage {
  const storage = new ScriptedStorage()
  const identity = { format: 1, archiveId: 'the-id', systemIdentifier: CLUSTER, walSegmentSize: SEGMENT }
  storage.objects.set(`${base}/identity.json`, Buffer.from(JSON.stringify(identity)))
  for (const key of keys) storage.objects.set(`${base}/${key}`, Buffer.from('1\t0/500000\tno reason\n'))
  return storage
}

function list(storage: ScriptedStorage, system?: typeof CLUSTER): Promise<ArchiveListing> {
  return listArchive({ storage, cluster: 'main', systemIdentifier: system }, signal)
}

describe('the listing of an archive', () => {
  it('has everything, by its kind', async () => {
    const storage = storageWith([
      ...[1, 2, 4].map((number) => `wal/00000001/${segmentName(number)}.zst`),
      `wal/00000001/${segmentName(4)}`,
      `wal/00000002/${segmentName(5, 2)}.zst.aes`,
      'wal/00000001/notes.txt',
      `wal/00000002/${segmentName(5, 1)}`,
      'history/00000002.history',
      'gaps/0000000000300000-0000000000400000.json',
      `quarantine/${segmentName(1)}-${'0'.repeat(32)}.zst`,
      `partial/00000001/${segmentName(5)}.partial.zst`,
      `backup-history/${segmentName(1)}.00000028.backup`,
      'backups/20261121/backup.json',
      'of-a-later-version/x',
    ])
    storage.objects.set('main/readme', Buffer.alloc(1))
    const { catalogues, unknown, foreignCount } = await list(storage)
    expect(unknown).toEqual([])
    expect(foreignCount).toBe(1)
    const [catalogue] = catalogues
    expect(catalogue?.owner).toEqual({
      place: 'archive',
      systemIdentifier: CLUSTER,
      walSegmentSize: SEGMENT,
      id: 'the-id',
    })
    expect(catalogue?.timelineIds).toEqual([1, 2])
    expect(catalogue?.timelines.get(toTimelineId(1))?.runs).toEqual([
      { first: 1n, end: 3n },
      { first: 4n, end: 5n },
    ])
    expect(catalogue?.historyOf(toTimelineId(2))).toHaveLength(1)
    expect(catalogue?.gaps).toHaveLength(1)
    expect(catalogue?.unfinished).toMatchObject([{ segmentNumber: 5n, suffixes: '.zst' }])
    const counts = [...(catalogue?.others ?? [])].map(([kind, { count }]) => [kind, count])
    expect(Object.fromEntries(counts)).toEqual({
      ...{ odd: 2, gap: 1, quarantine: 1, partial: 1, 'backup-history': 1, backup: 1, other: 1 },
    })
  })

  it('tells systems apart, and says of which one nobody knows what it is', async () => {
    const storage = storageWith([`wal/00000001/${segmentName(1)}`])
    storage.objects.set(`main/77/wal/00000001/${segmentName(1)}`, Buffer.alloc(1))
    const { catalogues, unknown } = await list(storage)
    expect(catalogues).toHaveLength(1)
    expect(unknown).toMatchObject([{ systemIdentifier: '77', error: { code: 'WALR_ARCHIVE_REFUSED' } }])
    expect(await list(storage, CLUSTER)).toMatchObject({ unknown: [], catalogues: [{}] })
    storage.objects.set(`main/${CLUSTER}/identity.json`, Buffer.from('{"format":2}'))
    expect((await list(storage, CLUSTER)).unknown).toMatchObject([{ error: { code: 'WALR_ARCHIVE_WRONG_CLUSTER' } }])
  })

  it.each(['list', 'get'] as const)('is not shortened when a %s fails', async (operation) => {
    const storage = storageWith([`wal/00000001/${segmentName(1)}`, 'history/00000002.history'])
    storage.script = (call) => {
      if (call.operation === operation) throw new StorageError('Transient', 'away')
    }
    await expect(list(storage)).rejects.toThrow('away')
  })

  it('keeps a history that cannot be read apart', async () => {
    const storage = storageWith(['history/00000002.history', 'history/00000003.history'])
    storage.objects.set(`${base}/history/00000003.history`, Buffer.from('nonsense'))
    storage.objects.set(`${base}/history/00000002.history`, Buffer.alloc(0))
    const [catalogue] = (await list(storage)).catalogues
    expect([...(catalogue?.brokenHistories ?? [])]).toEqual([
      [2, 'it is empty'],
      [3, expect.stringContaining('expected a numeric timeline')],
    ])
  })

  it('takes no key for what it is not', () => {
    const part = fc.oneof(
      fc.constantFrom('wal', 'history', 'gaps', 'partial', 'quarantine', 'backup-history', 'identity.json', '00000001'),
      fc.constantFrom(segmentName(1), `${segmentName(2)}.zst`, '00000002.history', `${segmentName(1)}.partial`),
      fc.string({ unit: 'grapheme', maxLength: 30 }),
    )
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
        const key = parts.join('/')
        const object = parseArchiveKey(key)
        if (object.kind === 'segment') {
          expect(key).toBe(`wal/${object.walFileName.slice(0, 8)}/${object.walFileName}${object.suffixes}`)
        }
        if (object.kind === 'partial') expect(key).toMatch(/^partial\/([0-9A-F]{8})\/\1[0-9A-F]{16}\.partial/)
        if (object.kind === 'history') expect(key).toMatch(/^history\/[0-9A-F]{8}\.history$/)
      }),
    )
  })
})
