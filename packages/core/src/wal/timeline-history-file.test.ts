import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import type { CompressionSpec } from './compression/compression-spec.ts'
import { HISTORY_OF_TIMELINE_3 } from './postgres-facts.fixture.ts'
import { keepTimelineHistory, readTimelineHistory } from './timeline-history-file.ts'
import { toTimelineId } from './timeline-id.ts'

let directory: string
let disk: FaultDisk
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-history-'))
  disk = new FaultDisk(nodeDisk)
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})
const third = toTimelineId(3)
const content = Buffer.from(HISTORY_OF_TIMELINE_3)
const keep = (bytes = content, compression: CompressionSpec = { method: 'none' }): Promise<void> =>
  keepTimelineHistory(third, bytes, { disk, directory, fileMode: 0o600, compression })
const wrote = (): boolean => disk.operations.some(({ operation }) => operation === 'write')
const at = (name: string): string => join(directory, name)

describe('the history file of a timeline', () => {
  it('is kept byte for byte, durably', async () => {
    await keep()
    expect(readFileSync(at('00000003.history')).equals(content)).toBe(true)
    const order = disk.operations.map(({ operation }) => operation).filter((name) => /sync|rename/i.test(name))
    expect(order).toEqual(['sync', 'rename', 'syncDirectory'])
    expect(readdirSync(directory)).toEqual(['00000003.history'])
  })

  it.each([
    ['gzip', '.gz'],
    ['lz4', '.lz4'],
    ['zstd', '.zst'],
  ] as const)('is compressed with %s as segments are, and read again', async (method, suffix) => {
    await keep(content, { method, level: undefined })
    expect(readdirSync(directory)).toEqual([`00000003.history${suffix}`])
    const entries = await readTimelineHistory(third, { disk, directory })
    expect(entries?.map(({ timelineId }) => timelineId)).toEqual([1, 2])
    if (method === 'gzip') expect(gunzipSync(readFileSync(at('00000003.history.gz'))).equals(content)).toBe(true)
  })

  it('that is there is left as it is, in whatever compression and wording', async () => {
    for (const [name, bytes] of [
      ['00000003.history', Buffer.from('1\t0/74FE98\tanother reason\n2\t0/88A6F0\t\n')],
      ['00000003.history.gz', gzipSync(content)],
    ] as const) {
      writeFileSync(at(name), bytes)
      await keep()
      expect(readFileSync(at(name)).equals(bytes)).toBe(true)
      expect(readdirSync(directory)).toEqual([name])
      rmSync(at(name))
    }
    expect(wrote()).toBe(false)
  })

  it('that tells of another way is refused, and left', async () => {
    writeFileSync(at('00000003.history'), '1\t0/74FE98\t\n2\t0/88A6F8\t\n')
    await expect(keep()).rejects.toMatchObject({
      code: 'WALR_TIMELINE',
      message: 'the server has another history of timeline 3 than the directory',
      detail:
        'The directory says 1 until 0/74FE98, 2 until 0/88A6F8, the server says 1 until 0/74FE98, 2 until 0/88A6F0.',
    })
    expect(wrote()).toBe(false)
  })

  it('that is damaged is refused, not taken for missing', async () => {
    writeFileSync(at('00000003.history.gz'), 'garbage')
    await expect(keep()).rejects.toMatchObject({ code: 'WALR_SEGMENT_CORRUPT' })
    expect(wrote()).toBe(false)
  })

  it('that the server sends malformed is not kept', async () => {
    await expect(keep(Buffer.from('3\t0/1\tits own parent\n'))).rejects.toMatchObject({ code: 'WALR_TIMELINE' })
    expect(readdirSync(directory)).toEqual([])
  })

  it('that cannot be written durably is an error', async () => {
    disk.on({ operation: 'syncDirectory' }, { error: 'EIO' })
    await expect(keep()).rejects.toMatchObject({ code: 'WALR_FSYNC_FAILED' })
    disk.on({ operation: 'write' }, { error: 'ENOSPC' })
    rmSync(at('00000003.history'))
    await expect(keep()).rejects.toMatchObject({ code: 'WALR_DISK_FULL' })
  })

  it('is unknown when there is none', async () => {
    expect(await readTimelineHistory(third, { disk, directory })).toBeUndefined()
  })
})
