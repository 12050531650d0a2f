import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultDisk } from '../disk/fault-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { readSmallFile, readWholeFile } from './read-whole-file.ts'

let directory: string
let path: string
let disk: FaultDisk
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'walr-read-'))
  path = join(directory, 'file')
  disk = new FaultDisk(nodeDisk)
})
afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})
const closed = (): boolean => disk.operations.some(({ operation }) => operation === 'close')

describe('reading a whole file', () => {
  it.each([0, 1, 262_143, 262_144, 262_145, 700_000])(
    'gives every byte of %i in order, and closes it',
    async (size) => {
      const bytes = Buffer.from(Uint8Array.from({ length: size }, (_, index) => index % 251))
      writeFileSync(path, bytes)
      const chunks = await Array.fromAsync(readWholeFile(disk, path))
      expect(Buffer.concat(chunks).equals(bytes)).toBe(true)
      expect((await readSmallFile(disk, path)).equals(bytes)).toBe(true)
      expect(closed()).toBe(true)
    },
  )

  it('gives chunks that later reads do not change', async () => {
    writeFileSync(path, Buffer.concat([Buffer.alloc(262_144, 'a'), Buffer.alloc(262_144, 'b')]))
    const [first, second] = await Array.fromAsync(readWholeFile(disk, path))
    expect([first?.[0], second?.[0]]).toEqual([0x61, 0x62])
  })

  it('closes the file when the consumer stops early', async () => {
    writeFileSync(path, Buffer.alloc(700_000))
    for await (const chunk of readWholeFile(disk, path)) if (chunk.length > 0) break
    expect(closed()).toBe(true)
  })

  it('closes the file when a read fails, and passes the error on', async () => {
    writeFileSync(path, Buffer.alloc(700_000))
    disk.on({ operation: 'read', nth: 2 }, { error: 'EIO' })
    await expect(Array.fromAsync(readWholeFile(disk, path))).rejects.toMatchObject({ code: 'EIO' })
    expect(closed()).toBe(true)
  })
})
