import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultDisk } from './fault-disk.ts'
import { nodeDisk } from './node-disk.ts'

let directory: string
let path: string
let disk: FaultDisk
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-fault-'))
  path = join(directory, 'f')
  disk = new FaultDisk(nodeDisk)
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})
const bytes = Buffer.from('0123456789')

describe('the fault-injecting disk', () => {
  it('is the disk under it as long as there is no rule', async () => {
    const file = await disk.open(path, 'createNew')
    file.writeSync(bytes, 0, 5, 0)
    await file.write(bytes, 5, 5, 5)
    file.dataSyncSync()
    await file.dataSync()
    expect(await file.read(Buffer.alloc(20), 0)).toBe(10)
    expect(await file.size()).toBe(10)
    await file.truncate(3)
    await file.close()
    expect(await disk.size(path)).toBe(3)
    expect(await disk.list(directory)).toEqual([{ name: 'f', kind: 'file' }])
    await disk.makeDirectory(join(directory, 'd'))
    await disk.remove(path)
    expect(await disk.freeBytes(directory)).toBeGreaterThan(0)
    expect(disk.operations.every(({ failed }) => !failed)).toBe(true)
  })

  it("makes the nth operation fail, in both forms, with an error like the system's", async () => {
    disk.on({ operation: 'dataSync', nth: 2 }, { error: 'EIO' })
    const file = await disk.open(path, 'create')
    await file.dataSync()
    expect(() => file.dataSyncSync()).toThrow(expect.objectContaining({ code: 'EIO', syscall: 'dataSync', path }))
    await file.dataSync()
    await file.close()
    expect(disk.operations.filter(({ failed }) => failed)).toEqual([{ operation: 'dataSync', path, failed: true }])
  })

  it('fails as many times in a row as it is told to, for ever without a number, until the rule is taken away', async () => {
    disk.on({ operation: 'rename', nth: 2, times: 2 }, { error: 'EACCES' })
    const outcomes: string[] = []
    for (let call = 0; call < 4; call++) {
      await (await disk.open(path, 'create')).close()
      const outcome = disk.rename(path, join(directory, 'g'))
      outcomes.push(
        await outcome.then(
          () => 'done',
          () => 'failed',
        ),
      )
    }
    expect(outcomes).toEqual(['done', 'failed', 'failed', 'done'])
    const heal = disk.on({ operation: 'open' }, { error: 'EMFILE' })
    await expect(disk.open(path, 'create')).rejects.toMatchObject({ code: 'EMFILE' })
    await expect(disk.open(path, 'create')).rejects.toMatchObject({ code: 'EMFILE' })
    heal()
    await (await disk.open(path, 'create')).close()
  })

  it('keeps to the paths of the pattern', async () => {
    disk.on({ operation: 'open', pathPattern: /\.partial$/ }, { error: 'EACCES' })
    await (await disk.open(path, 'create')).close()
    await expect(disk.open(`${path}.partial`, 'create')).rejects.toMatchObject({ code: 'EACCES' })
  })

  it('writes a part before a short write fails for want of room', async () => {
    disk.on({ operation: 'write' }, { shortWrite: 4 })
    const file = await disk.open(path, 'create')
    expect(() => file.writeSync(bytes, 0, 10, 0)).toThrow(expect.objectContaining({ code: 'ENOSPC' }))
    expect(readFileSync(path, 'utf8')).toBe('0123')
    await expect(file.write(bytes, 0, 10, 4)).rejects.toMatchObject({ code: 'ENOSPC' })
    expect(readFileSync(path, 'utf8')).toBe('01230123')
    await file.close()
  })

  it('makes operations slow without making them fail', async () => {
    disk.on({ operation: 'dataSync' }, { delayMs: 60 })
    const file = await disk.open(path, 'create')
    const start = performance.now()
    file.dataSyncSync()
    await file.dataSync()
    expect(performance.now() - start).toBeGreaterThanOrEqual(115)
    await file.close()
  })

  it('answers the free space that it is told to, until told otherwise', async () => {
    disk.setFreeBytes(17)
    expect(await disk.freeBytes(directory)).toBe(17)
    disk.setFreeBytes(undefined)
    expect(await disk.freeBytes(directory)).toBeGreaterThan(17)
  })

  it('knows the order of operations, and forgets it when asked to', async () => {
    const file = await disk.open(path, 'create')
    await file.write(bytes, 2, 3, 7)
    await file.sync()
    await disk.rename(path, `${path}2`)
    await disk.syncDirectory(directory)
    await file.close()
    expect(disk.operations).toEqual([
      { operation: 'open', path, how: 'create', failed: false },
      { operation: 'write', path, position: 7, length: 3, failed: false },
      { operation: 'sync', path, failed: false },
      { operation: 'rename', path, to: `${path}2`, failed: false },
      { operation: 'syncDirectory', path: directory, failed: false },
      { operation: 'close', path, failed: false },
    ])
    disk.forgetOperations()
    expect(disk.operations).toEqual([])
  })
})
