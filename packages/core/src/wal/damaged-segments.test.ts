import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { setAsideDamaged } from './damaged-segments.ts'
import { parseSegmentEntry, type SegmentEntry } from './segment-directory.ts'
import { toWalSegmentSize } from './wal-segment-size.ts'

const NAME = '000000010000000000000005'

describe('damaged segments', () => {
  let directory = ''
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'walr-damaged-'))
    mkdirSync(join(directory, '.walr'))
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  function damage(fileName: string, content: string): SegmentEntry {
    writeFileSync(join(directory, fileName), content)
    return parseSegmentEntry(fileName, toWalSegmentSize(1_048_576)) ?? expect.unreachable()
  }

  it('are moved aside with their contents, and none replaces an earlier one', async () => {
    for (const content of ['first', 'second', 'third']) {
      await setAsideDamaged(nodeDisk, directory, [damage(NAME, content), damage(`${NAME}.gz`, content)])
    }
    expect(readdirSync(directory)).toEqual(['.walr'])
    const folder = join(directory, '.walr/damaged')
    const kept = Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]))
    expect(kept).toEqual({
      [NAME]: 'first',
      [`${NAME}.2`]: 'second',
      [`${NAME}.3`]: 'third',
      [`${NAME}.gz`]: 'first',
      [`${NAME}.gz.2`]: 'second',
      [`${NAME}.gz.3`]: 'third',
    })
  })

  it('have durable new names before anything is received in their place', async () => {
    const disk = new FaultDisk(nodeDisk)
    const moved = await setAsideDamaged(disk, directory, [damage(NAME, 'x')])
    expect(moved).toEqual([{ from: NAME, to: `.walr/damaged/${NAME}` }])
    const synced = disk.operations.filter(({ operation }) => operation === 'syncDirectory').map(({ path }) => path)
    expect(synced).toEqual([join(directory, '.walr/damaged'), join(directory, '.walr'), directory])
  })

  it('leave a directory without any alone', async () => {
    expect(await setAsideDamaged(nodeDisk, directory, [])).toEqual([])
    expect(readdirSync(join(directory, '.walr'))).toEqual([])
  })
})
