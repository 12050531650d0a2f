import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { withForbiddenLink } from '../disk/forbidden-link.fixture.ts'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { listSegments, parseSegmentEntry } from './segment-directory.ts'
import { SEGMENT, segmentName } from './wal-bytes.fixture.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-list-'))
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

describe('the name of a file in a receive directory', () => {
  it.each([
    ['000000020000000100000003', '', false],
    ['000000020000000100000003.partial', '', true],
    ['000000020000000100000003.gz', '.gz', false],
    ['000000020000000100000003.gz.partial', '.gz', true],
    ['000000020000000100000003.lz4', '.lz4', false],
    ['000000020000000100000003.lz4.partial', '.lz4', true],
    ['000000020000000100000003.zst', '.zst', false],
    ['000000020000000100000003.zst.partial', '.zst', true],
  ] as const)('%s is one of a segment', (fileName, suffix, partial) => {
    expect(parseSegmentEntry(fileName, SEGMENT)).toEqual({
      fileName,
      walFileName: '000000020000000100000003',
      timelineId: 2,
      segmentNumber: 4099n,
      suffix,
      partial,
    })
  })

  it.each([
    '00000002.history',
    '00000002000000010000000',
    '0000000200000001000000033',
    '00000002000000010000000a',
    '000000020000000100001000',
    '000000000000000100000003',
    '000000020000000100000003.bak',
    '000000020000000100000003.00000028.backup',
    '000000020000000100000003.partial.gz',
    '000000020000000100000003.partial.partial',
    '000000020000000100000003.tmp',
    ' 000000020000000100000003',
    '000000020000000100000003\n',
    'spare-12-1',
  ])('%j is none of a segment', (fileName) => {
    expect(parseSegmentEntry(fileName, SEGMENT)).toBeUndefined()
  })
})

describe('listing a receive directory', () => {
  it('gives segments only, and files only', async () => {
    writeFileSync(join(directory, segmentName(1)), '')
    writeFileSync(join(directory, `${segmentName(2)}.gz.partial`), '')
    writeFileSync(join(directory, '00000002.history'), '')
    mkdirSync(join(directory, segmentName(3)))
    symlinkSync(join(directory, segmentName(1)), join(directory, segmentName(4)))
    const names = (await listSegments(nodeDisk, directory, SEGMENT)).map(({ fileName }) => fileName)
    expect(names.sort()).toEqual([segmentName(1), `${segmentName(2)}.gz.partial`, segmentName(4)])
  })

  it('is not listed without WAL that is a link which nobody can follow; a foreign one is left out', async () => {
    writeFileSync(join(directory, segmentName(1)), '')
    await expect(listSegments(withForbiddenLink(directory, segmentName(2)), directory, SEGMENT)).rejects.toMatchObject({
      code: 'WALR_DIRECTORY',
      message: `could not look at what "${join(directory, segmentName(2))}" links to: Permission denied`,
    })
    expect(await listSegments(withForbiddenLink(directory, 'notes'), directory, SEGMENT)).toHaveLength(1)
  })

  it('says why it cannot be listed, and never makes the directory', async () => {
    const missing = join(directory, 'missing')
    await expect(listSegments(nodeDisk, missing, SEGMENT)).rejects.toMatchObject({
      code: 'WALR_DIRECTORY',
      message: `could not open directory "${missing}": No such file or directory`,
      hint: expect.stringContaining('Create the directory') as unknown,
    })
    const disk = new FaultDisk(nodeDisk)
    disk.on({ operation: 'list' }, { error: 'EACCES' })
    await expect(listSegments(disk, directory, SEGMENT)).rejects.toMatchObject({
      code: 'WALR_DIRECTORY',
      hint: undefined,
    })
  })
})
