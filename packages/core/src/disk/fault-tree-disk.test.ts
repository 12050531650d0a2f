import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultTreeDisk } from './fault-tree-disk.ts'
import { nodeDisk } from './node-disk.ts'

let directory: string
const at = (name: string): string => join(directory, name)
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-tree-'))
  writeFileSync(at('file'), '12345')
  utimesSync(at('file'), 1000, 1000)
  mkdirSync(at('folder'))
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

describe('a disk with trees', () => {
  it('tells kind, size, date and identity, through links, and absence from what cannot be looked at', async () => {
    symlinkSync(at('file'), at('soft'))
    linkSync(at('file'), at('hard'))
    const file = await nodeDisk.stat(at('file'))
    expect(file).toMatchObject({ kind: 'file', size: 5, modifiedAt: new Date(1_000_000) })
    expect(await nodeDisk.stat(at('soft'))).toEqual(file)
    expect((await nodeDisk.stat(at('hard')))?.identity).toBe(file?.identity)
    const folder = await nodeDisk.stat(at('folder'))
    expect(folder?.kind).toBe('directory')
    expect(folder?.identity).not.toBe(file?.identity)
    expect((await nodeDisk.stat('/dev/null'))?.kind).toBe('other')
    expect(await nodeDisk.stat(at('absent'))).toBeUndefined()
    await expect(nodeDisk.stat(at('file/below'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  })

  it('gives a file a second name, and never one that is taken', async () => {
    await nodeDisk.link(at('file'), at('second'))
    expect(readFileSync(at('second'), 'utf8')).toBe('12345')
    writeFileSync(at('taken'), 'kept')
    await expect(nodeDisk.link(at('file'), at('taken'))).rejects.toMatchObject({ code: 'EEXIST' })
    expect(readFileSync(at('taken'), 'utf8')).toBe('kept')
  })

  it('fails where a test wants it to, and keeps the order of operations', async () => {
    const disk = new FaultTreeDisk(nodeDisk)
    disk.on({ operation: 'link', nth: 1 }, { error: 'EPERM' })
    disk.on({ operation: 'stat', pathPattern: /folder/ }, { error: 'EIO' })
    await expect(disk.link(at('file'), at('second'))).rejects.toMatchObject({ code: 'EPERM' })
    await expect(disk.stat(at('folder'))).rejects.toMatchObject({ code: 'EIO' })
    expect(await disk.stat(at('second'))).toBeUndefined()
    await disk.link(at('file'), at('second'))
    expect(disk.operations).toEqual([
      { operation: 'link', path: at('file'), to: at('second'), failed: true },
      { operation: 'stat', path: at('folder'), failed: true },
      { operation: 'stat', path: at('second'), failed: false },
      { operation: 'link', path: at('file'), to: at('second'), failed: false },
    ])
  })
})
