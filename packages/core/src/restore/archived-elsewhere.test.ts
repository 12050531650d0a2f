import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Disk } from '../disk/disk.ts'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { refuseArchivedElsewhere } from './archived-elsewhere.ts'
import { parseWantedFile } from './wanted-file.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-archived-'))
  mkdirSync(join(directory, '.walr'))
})
afterEach(() => {
  rmSync(directory, { recursive: true })
})

const segment = (number: number, timeline = 1): string =>
  `0000000${timeline}00000000${number.toString(16).toUpperCase().padStart(8, '0')}`
const mark = (): void => {
  writeFileSync(join(directory, '.walr', 'archive.json'), '{}')
}
const ask = (name: string, names: readonly string[], disk: Disk = nodeDisk): Promise<void> =>
  refuseArchivedElsewhere({ disk, directory, wanted: parseWantedFile(name) }, new Set(names))

describe('a file that is not in the directory', () => {
  it('is absent when nothing ever left the directory', async () => {
    await ask(segment(1), [segment(2)])
  })

  it.each([
    [segment(1), [segment(2), `${segment(3)}.partial`]],
    [segment(2, 2), [segment(2)]],
    [segment(1), []],
    ['00000002.history', [segment(9, 3)]],
    ['00000002.history', ['00000003.history.gz', segment(1)]],
    ['00000002.history', []],
  ])('may be in the archive: %s beside %j', async (name, names) => {
    mark()
    await expect(ask(name, names)).rejects.toMatchObject({ code: 'WALR_ARCHIVE_UNAVAILABLE' })
  })

  it.each([
    [segment(4), [segment(2), `${segment(3)}.partial`]],
    [segment(0x1_0000), [`${segment(0xffff)}.zst`]],
    [segment(4, 2), [segment(3)]],
    [segment(4, 1), [segment(3, 2)]],
    ['00000001.history', [segment(3, 2)]],
    ['00000003.history', [segment(3, 2), '00000002.history']],
    [`${segment(1)}.partial`, [segment(2)]],
    [`${segment(1)}.00000028.backup`, [segment(2)]],
  ])('lies behind the newest segment, or never goes into an archive: %s beside %j', async (name, names) => {
    mark()
    await ask(name, names)
  })

  it('is not called absent when the mark cannot be looked for', async () => {
    const disk = new FaultDisk(nodeDisk)
    disk.on({ operation: 'size' }, { error: 'EIO' })
    await expect(ask(segment(1), [segment(2)], disk)).rejects.toMatchObject({ code: 'WALR_DIRECTORY' })
  })
})
