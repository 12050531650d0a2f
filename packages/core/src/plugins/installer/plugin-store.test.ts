import { existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultDisk } from '../../disk/fault-disk.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { PluginStore } from './plugin-store.ts'
import type { Publication } from './publication.ts'

const NAME = '@acme/walr-x'
let data: string
let store: PluginStore
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'walr-store-'))
  store = new PluginStore(data)
})
afterEach(() => {
  rmSync(data, { recursive: true, force: true })
})

/** Publishes a generation that holds its version. */
function publish(version: string): Promise<Publication> {
  const staged = join(data, `staged-${version}`)
  mkdirSync(staged)
  writeFileSync(join(staged, 'version'), version)
  return store.publish(NAME, version, staged)
}

const folder = (): string => join(data, 'plugins/@acme+walr-x')
const versions = (): readonly string[] => readdirSync(folder()).map((name) => name.replace(/-[0-9a-f]{8}$/, ''))

describe('a published plugin', () => {
  it('is found by its name, at a path that no later one changes', async () => {
    expect(await store.names()).toEqual([])
    expect(await store.current(NAME)).toBeUndefined()
    await (await publish('1.0.0')).settle()
    expect(await store.names()).toEqual([NAME])
    const first = await store.current(NAME)
    await (await publish('1.1.0')).settle()
    const second = await store.current(NAME)
    expect(first).toMatch(/1\.0\.0-[0-9a-f]{8}$/)
    expect(second).toMatch(/1\.1\.0-[0-9a-f]{8}$/)
    expect(existsSync(join(String(first), 'version'))).toBe(true)
  })

  it('leaves the one before for those who still use it, and no older one', async () => {
    for (const version of ['1.0.0', '1.1.0', '1.2.0']) await (await publish(version)).settle()
    expect(versions()).toEqual(['1.1.0', '1.2.0', 'current'])
  })

  it('that is taken back leaves what was there before', async () => {
    const first = await publish('1.0.0')
    await first.takeBack()
    expect(readdirSync(data)).toEqual([])
    await (await publish('1.0.0')).settle()
    const target = readlinkSync(join(folder(), 'current'))
    await (await publish('1.1.0')).takeBack()
    expect(versions()).toEqual(['1.0.0', 'current'])
    expect(readlinkSync(join(folder(), 'current'))).toBe(target)
  })
})

describe('a plugin that somebody else has published meanwhile', () => {
  it('stays when the one before is taken back', async () => {
    const first = await publish('1.0.0')
    const second = await publish('1.1.0')
    await first.takeBack()
    expect(await store.current(NAME)).toMatch(/1\.1\.0-/)
    await second.takeBack()
    expect(existsSync(join(String(await store.current(NAME)), 'version'))).toBe(true)
  })

  it('stays when the one before is settled', async () => {
    const first = await publish('1.0.0')
    await (await publish('1.1.0')).settle()
    await first.settle()
    expect(existsSync(join(String(await store.current(NAME)), 'version'))).toBe(true)
    expect(versions()).toEqual(['1.0.0', '1.1.0', 'current'])
  })
})

it('a generation lies where it belongs, whatever its version is', async () => {
  const staged = join(data, 'staged')
  mkdirSync(staged)
  await (await store.publish(NAME, '1.0.0/../../../../evil', staged)).settle()
  expect(readdirSync(data)).toEqual(['plugins'])
  expect(dirname(String(await store.current(NAME)))).toBe(folder())
})

it.each(['../evil', '/../../evil', '@a/../../b', 'Upper', ''])('%j is no name to publish by', async (name) => {
  const staged = join(data, 'staged')
  mkdirSync(staged)
  await expect(store.publish(name, '1.0.0', staged)).rejects.toMatchObject({ code: 'WALR_PLUGIN' })
  expect(readdirSync(data)).toEqual(['staged'])
  expect(await store.current(name)).toBeUndefined()
})

it('what may be gone after a power cut is not published', async () => {
  const disk = new FaultDisk(nodeDisk)
  store = new PluginStore(data, disk)
  await (await publish('1.0.0')).settle()
  expect(disk.operations.map(({ path }) => path)).toEqual([folder(), dirname(folder()), data])
  disk.on({ operation: 'syncDirectory' }, { error: 'EIO' })
  await expect(publish('1.1.0')).rejects.toMatchObject({ code: 'WALR_WRITE_FAILED' })
  expect(versions()).toEqual(['1.0.0', 'current'])
  expect(await store.current(NAME)).toMatch(/1\.0\.0-/)
})

describe('a removed plugin', () => {
  it('is gone, and nothing else is', async () => {
    await (await publish('1.0.0')).settle()
    mkdirSync(join(data, 'plugins/other'))
    await (await store.remove(NAME)).settle()
    expect(readdirSync(join(data, 'plugins'))).toEqual(['other'])
  })

  it('that was the last one leaves no empty folder', async () => {
    await (await publish('1.0.0')).settle()
    await (await store.remove(NAME)).settle()
    expect(readdirSync(data)).toEqual([])
  })

  it('that is taken back is there again', async () => {
    await (await publish('1.0.0')).settle()
    const before = await store.current(NAME)
    const removal = await store.remove(NAME)
    expect(await store.names()).toEqual([])
    await removal.takeBack()
    expect(await store.current(NAME)).toBe(before)
    expect(readdirSync(join(data, 'plugins'))).toEqual(['@acme+walr-x'])
  })
})

it('what cannot be published leaves nothing', async () => {
  writeFileSync(join(data, 'plugins'), 'a file where a folder has to be')
  await expect(publish('1.0.0')).rejects.toMatchObject({ code: 'WALR_WRITE_FAILED' })
  rmSync(join(data, 'plugins'))
  await expect(store.publish(NAME, '1.0.0', join(data, 'absent'))).rejects.toMatchObject({ code: 'WALR_WRITE_FAILED' })
  expect(existsSync(join(data, 'plugins'))).toBe(false)
})
