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

const ARCHIVE = 'the archive'

let server: InventedServer
let nowMs: number
const clock = { nowMs: () => nowMs }
beforeEach(() => {
  server = new InventedServer()
  nowMs = 1_795_314_655_000
})
afterEach(() => server.dispose())

function made(circumstances = 'the same', walDirectory = server.walDirectory): Acknowledgements {
  return new Acknowledgements({ disk: nodeDisk, walDirectory, circumstances, clock })
}
async function left(name: string, by = made(), archiveId = ARCHIVE): Promise<boolean> {
  await by.prepare(new Set([segmentName(4), segmentName(5)]))
  return by.leave(name, await by.fingerprint(name), archiveId)
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
    expect(await made().has(name, ARCHIVE)).toBe(true)
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
    expect(await made().leave(name, read, ARCHIVE)).toBe(false)
    expect(await made().leave('000000010000000000000099', undefined, ARCHIVE)).toBe(false)
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

  it('is good for 30 s, and is removed afterwards', async () => {
    const name = server.finish(4)
    await left(name)
    nowMs += 30_000
    expect(await made().has(name, ARCHIVE)).toBe(true)
    nowMs += 1
    expect(await made().has(name, ARCHIVE)).toBe(false)
    expect(await made().take(name)).toBe(false)
    expect(server.acknowledged).toEqual([])
    await left(name)
    expect(await made().take(name)).toBe(true)
  })

  it('is none, and is removed, when it is from the future', async () => {
    const name = server.finish(4)
    await left(name)
    nowMs -= 1
    expect(await made().take(name)).toBe(false)
    expect(server.acknowledged).toEqual([])
  })

  it('is none for whoever knows that the archive is another one', async () => {
    const name = server.finish(4)
    await left(name)
    expect(await made().has(name, 'another archive')).toBe(false)
  })

  it('is none when the archive or the time in it is missing or is something else', async () => {
    const name = server.finish(4)
    await left(name)
    const text = readFileSync(pathOf(name), 'utf8')
    for (const [part, other] of [
      [',"archiveId":"the archive"', ''],
      ['"the archive"', '7'],
      [`,"leftAtMs":${nowMs}`, ''],
      [`${nowMs}`, `"${nowMs}"`],
      [`${nowMs}`, 'null'],
      [text, 'null'],
    ] as const) {
      expect(text).toContain(part)
      writeFileSync(pathOf(name), text.replace(part, other))
      expect(await made().has(name, ARCHIVE), `${part} is ${other}`).toBe(false)
    }
  })

  it('is withdrawn with all others of its circumstances, and no more', async () => {
    const [one, other] = [server.finish(4), server.finish(5)]
    await made().withdraw()
    for (const name of [one, other]) await left(name)
    await left(one, made('another configuration'))
    await made().withdraw()
    expect(server.acknowledged).toEqual([one])
    expect(await made('another configuration').take(one)).toBe(true)
  })

  it('is withdrawn when the archive is another one, or when it is old', async () => {
    const [one, other] = [server.finish(4), server.finish(5)]
    await left(one, made(), 'an archive that is gone')
    await left(other)
    await left(one, made('another configuration'), 'an archive that is gone')
    await made().withdrawAllBut(ARCHIVE)
    expect(server.acknowledged.toSorted()).toEqual([one, other])
    expect(await made().has(other, ARCHIVE)).toBe(true)
    expect(await made().has(one, 'an archive that is gone')).toBe(false)
    nowMs += 30_001
    await made().withdrawAllBut(ARCHIVE)
    expect(server.acknowledged).toEqual([one])
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
    expect(await made('the same', copy).has(name, ARCHIVE)).toBe(false)
  })

  it('is none when it is torn at any byte, or has more behind it', async () => {
    const name = server.finish(4)
    await left(name)
    const path = pathOf(name)
    const whole = readFileSync(path)
    for (let length = 0; length < whole.length; length += 1) {
      writeFileSync(path, whole)
      truncateSync(path, length)
      expect(await made().has(name, ARCHIVE), `${length} bytes`).toBe(false)
    }
    for (const more of ['\n', ' ', 'x'.repeat(5000)]) {
      writeFileSync(path, Buffer.concat([whole, Buffer.from(more)]))
      expect(await made().has(name, ARCHIVE), JSON.stringify(more)).toBe(false)
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
    await expect(acknowledgements.leave(name, read, ARCHIVE)).rejects.toMatchObject({ code: 'WALR_FSYNC_FAILED' })
    expect(server.acknowledged).toEqual([])
  })

  it('is durable before it has its name, and its name before it is said to be there', async () => {
    const name = server.finish(4)
    const disk = new FaultTreeDisk(nodeDisk)
    const acknowledgements = new Acknowledgements({ disk, walDirectory: server.walDirectory, circumstances: '' })
    await acknowledgements.prepare(new Set())
    await acknowledgements.leave(name, await acknowledgements.fingerprint(name), ARCHIVE)
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
