import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { ByteSource, HookContext, Storage } from '@walr/core/plugin'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseLocalOptions } from '../../packages/core/src/builtin/local/local-options.ts'
import { localPlugin } from '../../packages/core/src/builtin/local/local-plugin.ts'
import { startSshd, type Sshd } from '../support/sshd/sshd.ts'
import { startSshFaultProxy } from '../support/sshd/ssh-fault-proxy.ts'
import { waitFor } from '../support/wait-for.ts'
import { openOnServer } from './open-sftp-storage.ts'
import { recordedContext } from '../support/recorded-context.ts'

const MEBIBYTE = 1024 ** 2
const signal = new AbortController().signal
const SMALL = Buffer.from('walr')

let server: Sshd
beforeAll(async () => {
  server = await startSshd()
})
afterAll(() => server[Symbol.asyncDispose]())

function sourceOf(content: Buffer): ByteSource {
  const open = async function* () {
    await Promise.resolve()
    yield content
  }
  return { size: content.length, bytes: content, open }
}

function put(storage: Storage, key: string, content: Buffer = SMALL) {
  return storage.put(key, sourceOf(content), { ifAbsent: true, signal })
}

describe('connections', () => {
  it('are made on first use, as many as there is work for, and not more than maxConnections', async () => {
    await using proxy = await startSshFaultProxy(server.port, { roundTripMs: 20 })
    await using storage = await openOnServer(server, {
      directory: server.makeFolder(),
      port: proxy.port,
      maxConnections: 3,
    })
    expect(proxy.accepted).toBe(0)
    await put(storage, 'one')
    expect(proxy.accepted).toBe(1)
    const keys = Array.from({ length: 12 }, (_, index) => `many/${index}`)
    await Promise.all(keys.map((key) => put(storage, key)))
    expect(proxy.accepted).toBe(3)
    await Promise.all(keys.map((key) => storage.head(key, { signal })))
    expect(proxy.accepted).toBe(3)
  })

  it('are closed when there was nothing to do for a while, and made again', async () => {
    await using proxy = await startSshFaultProxy(server.port)
    const options = { directory: server.makeFolder(), port: proxy.port, idleTimeoutMs: 100 }
    await using storage = await openOnServer(server, options)
    await put(storage, 'one')
    await waitFor('the connection is closed', () => proxy.open === 0)
    await put(storage, 'two')
    expect(proxy.accepted).toBe(2)
  })

  it('are made again after the server has cut them while they were idle', async () => {
    await using proxy = await startSshFaultProxy(server.port)
    await using storage = await openOnServer(server, { directory: server.makeFolder(), port: proxy.port })
    await put(storage, 'one')
    proxy.cut()
    await waitFor('an operation goes well', async () => (await storage.head('one', { signal })).size === SMALL.length)
    expect(proxy.accepted).toBe(2)
  })

  it('that fall silent while they are idle are found out by keepalives', async () => {
    await using proxy = await startSshFaultProxy(server.port)
    const options = { directory: server.makeFolder(), port: proxy.port, keepaliveIntervalMs: 50 }
    await using storage = await openOnServer(server, options)
    await put(storage, 'one')
    proxy.inject({ direction: 'up', afterBytes: 1, action: 'hang' })
    await waitFor('the connection is given up', () => proxy.open === 0)
    expect((await storage.head('one', { signal })).size).toBe(SMALL.length)
  })

  it('are all closed when the storage is, at the server, too', async () => {
    const alone = await startSshd()
    const storage = await openOnServer(alone, { directory: alone.makeFolder() })
    await Promise.all(['a', 'b', 'c'].map((key) => put(storage, key)))
    const unread = await storage.get('a', { signal })
    expect(alone.sessions().length).toBeGreaterThan(0)
    await storage[Symbol.asyncDispose]()
    await waitFor('the server has no connection', () => alone.sessions().length === 0)
    await expect(buffer(unread)).rejects.toThrow('closed')
    await alone[Symbol.asyncDispose]()
  })

  it('are closed when walr no longer needs the storage', async () => {
    const ending = new AbortController()
    const alone = await startSshd()
    const storage = await openOnServer(
      alone,
      { directory: alone.makeFolder() },
      recordedContext({ signal: ending.signal }),
    )
    await put(storage, 'a')
    ending.abort(new Error('walr ends'))
    await waitFor('the server has no connection', () => alone.sessions().length === 0)
    await alone[Symbol.asyncDispose]()
  })
})

describe('over a line with 20 ms of round-trip delay', () => {
  it('8 MiB go at least ten times as fast in both directions as one request at a time', async () => {
    await using proxy = await startSshFaultProxy(server.port, { roundTripMs: 20 })
    await using storage = await openOnServer(server, { directory: server.makeFolder(), port: proxy.port })
    await put(storage, 'warm')
    const content = Buffer.alloc(8 * MEBIBYTE, 'walr')
    const oneAtATimeMs = (content.length / 32_768) * 20
    const putMs = await fastest(async (round) => {
      await put(storage, `object-${round}`, content)
    })
    const getMs = await fastest(async () => {
      expect((await buffer(await storage.get('object-0', { signal }))).length).toBe(content.length)
    })
    expect(putMs).toBeLessThan(oneAtATimeMs / 10)
    expect(getMs).toBeLessThan(oneAtATimeMs / 10)
  })
})

describe('a directory', () => {
  it('holds the same files, whether the built-in storage or SFTP has written them', async () => {
    const folder = server.makeFolder()
    const context: HookContext = recordedContext({ baseDirectory: folder })
    await using local = (await localPlugin.createStorage?.(parseLocalOptions({ path: folder }), context)) as Storage
    await using sftp = await openOnServer(server, { directory: folder, mode: 'private' })
    const key = 'main/7/wal/00000001/000000010000000000000001.zst'
    await put(sftp, key)
    await put(local, `${key}.local`)
    expect(readFileSync(join(folder, key)).equals(SMALL)).toBe(true)
    for (const storage of [local, sftp]) {
      const listed = await Array.fromAsync(storage.list('', { signal }))
      expect(listed.map((object) => object.key)).toEqual([key, `${key}.local`])
      expect((await buffer(await storage.get(key, { signal }))).equals(SMALL)).toBe(true)
    }
    await expect(put(local, key)).rejects.toThrow('already')
    expect(readdirSync(folder)).toEqual(['main'])
  })
})

/** The shortest of a few runs: what the line allows, whatever else the machine does. */
async function fastest(work: (round: number) => Promise<void>): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < 5; round += 1) {
    const startedAtMs = performance.now()
    await work(round)
    times.push(performance.now() - startedAtMs)
  }
  return Math.min(...times)
}
