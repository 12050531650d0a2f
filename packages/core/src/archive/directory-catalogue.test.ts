import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TreeDisk } from '../disk/disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { toTimelineId } from '../wal/timeline-id.ts'
import { CLUSTER, SEGMENT, segmentBytes, segmentName } from '../wal/wal-bytes.fixture.ts'
import { listDirectory } from './directory-catalogue.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-catalogue-'))
})
afterEach(() => {
  rmSync(directory, { recursive: true })
})
const put = (name: string, bytes: Uint8Array | string): void => writeFileSync(join(directory, name), bytes)

describe('the listing of a receive directory', () => {
  it('says whose it is by its segments, when nothing else does', async () => {
    put(`${segmentName(1)}.gz`, gzipSync(segmentBytes(1)))
    put(segmentName(2), segmentBytes(2))
    put(`${segmentName(3)}.zst.partial`, zstdCompressSync(segmentBytes(3)))
    put('00000002.history.gz', gzipSync('1\t0/300000\tx\n'))
    put('00000003.history', 'nonsense')
    put('00000004.history.gz', 'nonsense')
    put(`${segmentName(1)}.bak`, '')
    put(`${segmentName(2)}.tmp`, '')
    mkdirSync(join(directory, '.walr', 'gaps'), { recursive: true })
    put('.walr/gaps/0000000000400000-0000000000500000.json', '{}')
    const catalogue = await listDirectory(nodeDisk, directory)
    expect(catalogue?.owner).toMatchObject({ systemIdentifier: CLUSTER, walSegmentSize: SEGMENT })
    expect(catalogue?.timelines.get(toTimelineId(1))?.runs).toEqual([{ first: 1n, end: 3n }])
    expect(catalogue?.unfinished).toMatchObject([{ name: `${segmentName(3)}.zst.partial`, segmentNumber: 3n }])
    expect(catalogue?.historyOf(toTimelineId(2))).toHaveLength(1)
    expect([...(catalogue?.brokenHistories.keys() ?? [])]).toEqual([3, 4])
    expect(catalogue?.gaps).toHaveLength(1)
    expect(catalogue?.others.get('odd')?.names).toEqual([`${segmentName(1)}.bak`])
  })

  it('is none of an empty directory, and an error of one that cannot be read, or whose segments say nothing', async () => {
    expect(await listDirectory(nodeDisk, directory)).toBeUndefined()
    await expect(listDirectory(nodeDisk, join(directory, 'absent'))).rejects.toMatchObject({ code: 'WALR_DIRECTORY' })
    put(segmentName(1), Buffer.alloc(SEGMENT))
    await expect(listDirectory(nodeDisk, directory)).rejects.toMatchObject({ code: 'WALR_DIRECTORY' })
  })

  it('counts what is archived or finished while it is being listed', async () => {
    for (const number of [1, 2, 3]) put(segmentName(number), segmentBytes(number))
    put(`${segmentName(4)}.partial`, segmentBytes(4))
    const busy: TreeDisk = {
      ...nodeDisk,
      list: async (path) => {
        const entries = await nodeDisk.list(path)
        if (path !== directory) return entries
        rmSync(join(directory, segmentName(2)))
        renameSync(join(directory, `${segmentName(4)}.partial`), join(directory, segmentName(4)))
        return entries
      },
    }
    const catalogue = await listDirectory(busy, directory)
    const table = catalogue?.timelines.get(toTimelineId(1))
    expect(table?.runs).toEqual([{ first: 1n, end: 5n }])
    expect(table?.storedBytesOf({ first: 2n, end: 3n })).toBe(0)
    expect(table?.storedBytesOf({ first: 4n, end: 5n })).toBe(SEGMENT)
    expect(catalogue?.unfinished).toEqual([])
  })
})
