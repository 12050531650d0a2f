import {
  appendFileSync,
  copyFileSync,
  cpSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultTreeDisk } from '../disk/fault-tree-disk.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { segmentName } from '../wal/wal-bytes.fixture.ts'
import { ACKNOWLEDGEMENTS_FOLDER, Acknowledgements } from './acknowledgements.ts'
import { InventedServer } from './server-place.fixture.ts'

let server: InventedServer
beforeEach(() => void (server = new InventedServer()))
afterEach(() => server.dispose())

function made(circumstances = 'the same', walDirectory = server.walDirectory): Acknowledgements {
  return new Acknowledgements({ disk: nodeDisk, walDirectory, circumstances })
}
async function left(name: string, by = made()): Promise<boolean> {
  await by.prepare(new Set([segmentName(4), segmentName(5)]))
  return by.leave(name, await by.fingerprint(name))
}
const pathOf = (name: string): string => {
  const [found = ''] = server.acknowledgements.filter((file) => file.startsWith(`${name}.`))
  return join(server.walDirectory, ACKNOWLEDGEMENTS_FOLDER, found)
}

describe('an acknowledgement', () => {
  it('is good once', async () => {
    const name = server.finish(4)
    expect(await made().take(name)).toBe(false)
    expect(await left(name)).toBe(true)
    expect(await made().has(name)).toBe(true)
    expect(await made().take(name)).toBe(true)
    expect(server.acknowledged).toEqual([])
    expect(await made().take(name)).toBe(false)
  })

  it('is good for the very file only, not for its name', async () => {
    const name = server.finish(4)
    await left(name)
    const path = join(server.walDirectory, name)
    // The same bytes under the same name: whoever put them there, nobody has compared them.
    copyFileSync(path, `${path}.copy`)
    rmSync(path)
    copyFileSync(`${path}.copy`, path)
    expect(await made().take(name)).toBe(false)
    expect(server.acknowledged).toEqual([])
  })

  it.each([
    ['grew', (path: string) => appendFileSync(path, 'x')],
    ['was written to', (path: string) => utimesSync(path, new Date(), new Date(1e12))],
    ['is gone', (path: string) => rmSync(path)],
  ])('is none for a file that %s since', async (_, change) => {
    const name = server.finish(4)
    await left(name)
    change(join(server.walDirectory, name))
    expect(await made().take(name)).toBe(false)
  })

  it('is none when the file was replaced while it was archived', async () => {
    const name = server.finish(4)
    const read = await made().fingerprint(name)
    rmSync(join(server.walDirectory, name))
    server.finish(4)
    expect(await made().leave(name, read)).toBe(false)
    expect(await made().leave('000000010000000000000099', undefined)).toBe(false)
    expect(server.acknowledged).toEqual([])
  })

  it('is none in other circumstances, which may have their own', async () => {
    const name = server.finish(4)
    await left(name)
    expect(await made('another archive').take(name)).toBe(false)
    await left(name, made('another archive'))
    expect(server.acknowledged).toEqual([name, name])
    expect(await made('another archive').take(name)).toBe(true)
    expect(await made().take(name)).toBe(true)
  })

  it('is none under the name of another file', async () => {
    const [one, other] = [server.finish(4), server.finish(5)]
    await left(one)
    copyFileSync(pathOf(one), pathOf(one).replace(one, other))
    expect(await made().take(other)).toBe(false)
  })

  it('is none in a copy of the directory', async () => {
    const name = server.finish(4)
    await left(name)
    const copy = `${server.walDirectory}.copy`
    cpSync(server.walDirectory, copy, { recursive: true, preserveTimestamps: true })
    expect(await made('the same', copy).has(name)).toBe(false)
  })

  it('is none when it is torn at any byte, or has more behind it', async () => {
    const name = server.finish(4)
    await left(name)
    const path = pathOf(name)
    const whole = readFileSync(path)
    for (let length = 0; length < whole.length; length += 1) {
      writeFileSync(path, whole)
      truncateSync(path, length)
      expect(await made().has(name), `${length} bytes`).toBe(false)
    }
    for (const more of ['\n', ' ', 'x'.repeat(5000)]) {
      writeFileSync(path, Buffer.concat([whole, Buffer.from(more)]))
      expect(await made().has(name), JSON.stringify(more)).toBe(false)
    }
    writeFileSync(path, Buffer.alloc(whole.length))
    expect(await made().take(name)).toBe(false)
  })

  it('is not left when it cannot be made durable', async () => {
    const name = server.finish(4)
    const disk = new FaultTreeDisk(nodeDisk)
    disk.on({ operation: 'sync', pathPattern: /archived/ }, { error: 'EIO' })
    const acknowledgements = new Acknowledgements({ disk, walDirectory: server.walDirectory, circumstances: '' })
    await acknowledgements.prepare(new Set())
    const read = await acknowledgements.fingerprint(name)
    await expect(acknowledgements.leave(name, read)).rejects.toMatchObject({ code: 'WALR_FSYNC_FAILED' })
    expect(server.acknowledged).toEqual([])
  })

  it('is durable before it has its name, and its name before it is said to be there', async () => {
    const name = server.finish(4)
    const disk = new FaultTreeDisk(nodeDisk)
    const acknowledgements = new Acknowledgements({ disk, walDirectory: server.walDirectory, circumstances: '' })
    await acknowledgements.prepare(new Set())
    await acknowledgements.leave(name, await acknowledgements.fingerprint(name))
    const steps = disk.operations.map(({ operation }) => operation)
    expect(steps.filter((step) => ['write', 'sync', 'rename', 'syncDirectory'].includes(step))).toEqual([
      'write',
      'sync',
      'rename',
      'syncDirectory',
    ])
  })

  it('goes with the file that it is for', async () => {
    const [old, current] = [server.finish(4), server.finish(5)]
    await left(old)
    await left(current)
    writeFileSync(`${pathOf(current)}.tmp`, 'left by a crash')
    await made().prepare(new Set([current]))
    expect(server.acknowledgements).toHaveLength(1)
    expect(server.acknowledged).toEqual([current])
  })
})
