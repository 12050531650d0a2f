import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { BUILTIN_PLUGINS } from '../../packages/core/src/builtin/index.ts'
import { PluginLoader } from '../../packages/core/src/plugins/loader/plugin-loader.ts'
import { silentLogger } from '../plugins/silent-logger.ts'
import type { ProgramResult } from '../support/run-program.ts'
import { KINDS, NewPlugins, type Kind } from './new-plugins.ts'

let made: NewPlugins
beforeAll(async () => {
  made = await NewPlugins.make()
})
afterAll(() => made[Symbol.asyncDispose]())

const succeeded = ({ exitCode, stdout, stderr }: ProgramResult): string => {
  expect(exitCode, `${stderr}\n${stdout.slice(-20_000)}`).toBe(0)
  return stdout
}

/** How many of its tests a package passed; none may fail, or be left out. */
function passed(output: string): number {
  const count = (word: string): number => Number(new RegExp(`^(?:# |ℹ )${word} (\\d+)$`, 'm').exec(output)?.[1])
  for (const word of ['fail', 'cancelled', 'skipped', 'todo']) expect(count(word), word).toBe(0)
  return count('pass')
}

describe('new plugins, outside the repository and as they were written', () => {
  it('are made without the network, and say what comes next', async () => {
    for (const kind of KINDS) {
      const output = succeeded(await made.create(kind))
      expect(output).toContain(`into "${made.folderOf(kind)}"`)
      expect(output).toContain(`\n  (cd walr-plugin-${kind} && npm install && npm test)\n`)
      expect(output).toContain(`\n  walr plugins install ./walr-plugin-${kind}\n`)
    }
    const again = await made.create('codec')
    expect(again.exitCode).toBe(1)
    expect(again.stderr).toContain('there is something in the folder')
  })

  it('install, build and pass all conformance cases without a deviation', { timeout: 600_000 }, async () => {
    succeeded(await made.npm('storage', ['install']))
    for (const kind of ['codec', 'retention'] as const) made.shareInstalled('storage', kind)
    const test = async (kind: Kind): Promise<number> => {
      succeeded(await made.npm(kind, ['run', 'build']))
      const output = succeeded(await made.npm(kind, ['test']))
      expect(output).not.toContain('deviat')
      return passed(output)
    }
    const [storage, codec] = await Promise.all([test('storage'), test('codec')])
    const retention = await test('retention')
    // The suites of storages run twice: at the root, and with a prefix.
    expect(storage).toBeGreaterThan(2 * count('STOR') + count('PKG'))
    expect(codec).toBeGreaterThan(count('CODEC') + count('PKG'))
    expect(retention).toBeGreaterThan(3 * count('RET') + count('PKG'))
  })

  it('are installed from their folders, put into the configuration, and found valid where they are used', async () => {
    const before = '# of a test\ncluster: made\n'
    made.write('walr.config.yaml', before)
    succeeded(await made.walr(['plugins', 'install', ...KINDS.map((kind) => `./walr-plugin-${kind}`)]))
    const text = readFileSync(join(made.path, 'walr.config.yaml'), 'utf8')
    expect(text.startsWith(before)).toBe(true)
    expect(parse(text)).toEqual({ cluster: 'made', plugins: KINDS.map((kind) => made.nameOf(kind)) })
    // As the comments say, with the values that are required.
    const block = /^# archive:\n# {3}storage:\n(?:# .*\n)*/m.exec(text)?.[0] ?? ''
    const entry = block
      .replace(/^# /gm, '')
      .replace(/ url:$/m, ' url: http://127.0.0.1:2')
      .replace(/ bucket:$/m, ' bucket: b')
    made.write('walr.config.yaml', `${text}\n${entry}  codecs:\n    - { use: "${made.nameOf('codec')}", quality: 5 }\n`)
    expect(succeeded(await made.walr(['config', 'validate']))).toContain('is valid')
    made.write('walr.config.yaml', `${text}\n${entry.replace('bucket: b', 'bucket: a/b')}`)
    const wrong = await made.walr(['config', 'validate'])
    expect(wrong.exitCode).toBe(1)
    expect(wrong.stderr).toContain('a name without "/" is expected')
  })

  it('store and give back, through the loader', async () => {
    const worker = new Worker(join(made.folderOf('storage'), 'test/object-server.ts'))
    const signal = AbortSignal.timeout(60_000)
    try {
      const [{ port }] = (await once(worker, 'message', { signal })) as [{ readonly port: number }]
      const url = `http://127.0.0.1:${port}`
      const headers = { authorization: 'Bearer the right one' }
      expect((await fetch(`${url}/made`, { method: 'PUT', headers, signal })).status).toBe(201)
      const loader = new PluginLoader({
        plugins: KINDS.map((kind) => made.nameOf(kind)),
        ...{ configFile: undefined, baseDirectory: made.path, dataDirectories: [made.dataDirectory] },
        ...{ builtins: BUILTIN_PLUGINS, logger: silentLogger, signal, now: () => new Date() },
      })
      const use = (kind: Kind, options: Readonly<Record<string, unknown>> = {}) => ({
        ...{ use: made.nameOf(kind), options, place: `of ${kind}`, hook: kind },
      })
      const options = { url, bucket: 'made', token: 'the right one', prefix: 'pg' }
      await using storage = await loader.openStorage(use('storage', options))
      const codec = await loader.openCodec(use('codec'))
      const context = { objectKey: 'wal/1', signal }
      const segment = Buffer.alloc(1_000_000, 'a segment of WAL ')
      const open = (): AsyncIterable<Uint8Array> => codec.encode(chunksOf(segment), context)
      await storage.put('wal/1', { size: undefined, open }, { ifAbsent: true, signal })
      expect(await buffer(codec.decode(await storage.get('wal/1', { signal }), context))).toEqual(segment)
      const retention = await loader.openRetention(use('retention', { keepLast: 1 }))
      expect(retention.plan({ now: new Date(), backups: [] })).toEqual([])
    } finally {
      await worker.terminate()
    }
  })
})

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield await Promise.resolve(bytes)
}

/** How many cases there are whose ids begin so, by the kit's README. */
function count(suite: string): number {
  const readme = readFileSync(join(import.meta.dirname, '../../packages/plugin-testkit/README.md'), 'utf8')
  return readme.match(new RegExp(`^\\| \`${suite}-`, 'gm'))?.length ?? Number.NaN
}
