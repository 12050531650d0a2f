import { beforeEach, describe, expect, it } from 'vitest'
import { CodecPipeline } from '../codec/codec-pipeline.ts'
import { collect, FramedCodec, once } from '../codec/scripted-codec.fixture.ts'
import { StorageError, type StorageErrorCode } from '../plugins/contract/index.ts'
import { RecordingLogger } from '../wal/recording.fixture.ts'
import { parseTimelineHistory } from '../wal/timeline-history.ts'
import { toTimelineId } from '../wal/timeline-id.ts'
import { CLUSTER, SEGMENT, segmentBytes, segmentLsn, segmentName } from '../wal/wal-bytes.fixture.ts'
import type { Seam } from '../wal/seam.ts'
import { ArchiveInventory } from './archive-inventory.ts'
import { ArchiveLayout } from './archive-layout.ts'
import { readArchiveSeam } from './archive-seam.ts'
import { ScriptedStorage } from './scripted-storage.fixture.ts'

const layout = new ArchiveLayout('main', CLUSTER)
const zip = new FramedCodec('.zip')
let storage: ScriptedStorage
let logger: RecordingLogger
beforeEach(() => {
  storage = new ScriptedStorage()
  logger = new RecordingLogger()
})

async function put(number: number, timelineId = 1, codec = zip): Promise<void> {
  const name = segmentName(number, timelineId)
  const bytes = await collect(codec.encode(once(segmentBytes(number, CLUSTER, timelineId))))
  storage.objects.set(`${layout.walPrefix}${name.slice(0, 8)}/${name}${codec.suffix}`, bytes)
}

function seam(timelineId = 1, history = '', signal = new AbortController().signal): Promise<Seam | undefined> {
  const inventory = new ArchiveInventory(storage, layout, SEGMENT)
  const reader = {
    ...{ storage, layout, inventory, logger, walSegmentSize: SEGMENT },
    codecs: new CodecPipeline([zip], []),
  }
  const id = toTimelineId(timelineId)
  return readArchiveSeam(reader, { timelineId: id, history: parseTimelineHistory(id, history) }, signal)
}

describe('the seam of an archive', () => {
  it('is the end of its newest segment', async () => {
    for (const number of [4, 5, 6]) await put(number)
    const found = await seam()
    expect(found).toMatchObject({ timelineId: 1, startLsn: segmentLsn(6, SEGMENT - 16_384) })
    const bytes = segmentBytes(6).subarray(SEGMENT - 16_384)
    expect(bytes.indexOf(found?.bytes ?? '')).toBe(0)
    expect(found?.name).toBe(`main/${CLUSTER}/wal/00000001/${segmentName(6)}.zip`)
  })

  it('is not there without WAL', async () => {
    expect(await seam()).toBeUndefined()
    expect(await seam(2, '1\t0/5000A0')).toBeUndefined()
  })

  it('ends before the switch on a timeline that the server has left, whatever is archived behind it', async () => {
    for (const number of [4, 5, 6, 7]) await put(number)
    const found = await seam(3, '1\t0/507000\n2\t0/800000')
    expect(found).toMatchObject({ timelineId: 1, startLsn: segmentLsn(5, 16_384) })
    expect(found?.bytes.length).toBeLessThanOrEqual(0x7000 - 16_384)
    await put(5, 3)
    expect(await seam(3, '1\t0/507000\n2\t0/800000')).toMatchObject({ timelineId: 3 })
  })

  it.each<[string, () => Promise<unknown>, string]>([
    ['was made with another key', () => put(5, 1, new FramedCodec('.zip', 'compression', 7)), 'made with key 7'],
    [
      'was made with an unknown codec',
      () => put(5, 1, new FramedCodec('.other')),
      'no codec is configured for ".other"',
    ],
    ['may not be read', () => refuse('AccessDenied'), 'you shall not read'],
    ['is damaged', () => damage(), 'the digest is another one'],
  ])('is unknown when the segment %s, which is said', async (_, prepare, why) => {
    await put(4)
    await prepare()
    expect(await seam()).toBeUndefined()
    expect(logger.lines).toEqual([expect.stringMatching(/^warning: could not compare the server with "main\//)])
    expect(logger.lines[0]).toContain(why)
  })

  it('is asked for again when the storage is away', async () => {
    await put(4)
    await refuse('Transient')
    await expect(seam()).rejects.toMatchObject({ code: 'Transient' })
    expect(logger.lines).toEqual([])
  })
})

async function refuse(code: StorageErrorCode): Promise<void> {
  await put(5)
  storage.script = ({ operation }) => {
    if (operation === 'get') throw new StorageError(code, 'you shall not read')
  }
}

async function damage(): Promise<void> {
  await put(5)
  for (const [key, bytes] of storage.objects) storage.objects.set(key, bytes.subarray(0, -1))
}
