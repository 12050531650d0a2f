import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isWalrError } from '../../packages/core/src/errors/walr-error.ts'
import type { Logger } from '../../packages/core/src/telemetry/logger.ts'
import { codecPlugin, entry, PluginWorkspace } from './plugin-workspace.ts'
import { silentLogger } from './silent-logger.ts'

let workspace: PluginWorkspace
beforeEach(() => {
  workspace = new PluginWorkspace()
})
afterEach(() => workspace[Symbol.asyncDispose]())

const optionsError = `Object.assign(new Error('x'), { [Symbol.for('walr.OptionsError/1')]: true, faults: FAULTS })`
/** Code that leaves a trace of having been run. */
const trace = (name: string): string =>
  `import { appendFileSync } from 'node:fs'; appendFileSync(new URL('../../../ran', import.meta.url), '${name};')`
const ran = (): string =>
  existsSync(join(workspace.path, 'ran')) ? readFileSync(join(workspace.path, 'ran'), 'utf8') : ''

describe('before a line of a plugin is run', () => {
  it.each([
    [
      'another version of the contract',
      { walr: { apiVersion: 2, provides: ['codec'] } },
      'speaks plugin API 2; this walr speaks 1. Update walr, or install an older version of walr-x',
    ],
    [
      'an old version of the contract',
      { walr: { apiVersion: 0, provides: ['codec'] } },
      'speaks plugin API 0; this walr speaks 1. Install a newer version of walr-x',
    ],
    [
      'a version that is no number',
      { walr: { apiVersion: '1', provides: ['codec'] } },
      'does not say which plugin API',
    ],
    ['no section "walr"', { walr: undefined }, 'is not a walr plugin'],
    ['no list of hooks', { walr: { apiVersion: 1 } }, 'has no list "walr.provides" of hooks'],
  ])('%s is reported', async (_what, manifest, text) => {
    workspace.install('walr-x', `${trace('x')}\nthrow new Error('was run')`, manifest)
    const faults = await workspace.loader(['walr-x']).check([entry('walr-x'), entry('walr-x')])
    expect(faults.map(({ message }) => message)).toEqual([expect.stringContaining(text)])
    expect(ran()).toBe('')
  })

  it('a hook that the package does not offer is reported, at the entry', async () => {
    workspace.install('walr-x', `${trace('x')}\nthrow new Error('was run')`, {
      walr: { apiVersion: 1, provides: ['storage', 'from-the-future'] },
    })
    const [fault] = await workspace.loader(['walr-x']).check([entry('walr-x')])
    expect(fault).toMatchObject({
      place: 'archive.codecs[0]',
      message: '"walr-x" (walr.config.yaml archive.codecs[0]) offers no codec; its package.json lists: storage',
    })
    expect(ran()).toBe('')
  })
})

describe('a plugin is run', () => {
  it('only when an entry uses it, and imported once', async () => {
    workspace.install('used', codecPlugin('used', {}, trace('used')))
    workspace.install('unused', codecPlugin('unused', {}, trace('unused')))
    const loader = workspace.loader(['used', 'unused'])
    expect(ran()).toBe('')
    await loader.assertGood([entry('used'), entry('used')])
    await loader.openCodec(entry('used'))
    await loader.describe('used')
    expect(ran()).toBe('used;')
  })

  it('with what a hook may know: a logger that carries its name, the clock, the folder and the signal', async () => {
    const lines: string[] = []
    const logger: Logger = { ...silentLogger, warning: (message) => void lines.push(message) }
    const signal = new AbortController().signal
    workspace.install(
      'walr-x',
      codecPlugin('walr-x', {
        options: `[{ name: 'key', type: 'string', summary: 's', secret: true }]`,
        createCodec: `async (options, { log, now, baseDirectory, signal }) => {
          log.warning([options.key, now().toISOString(), baseDirectory, signal.aborted].join(' '))
          return { id: 'same', kind: 'compression', suffix: '.same', encode: (x) => x, decode: (x) => x }
        }`,
      }),
    )
    const loader = workspace.loader(['walr-x'], { logger, signal, now: () => new Date(0) })
    await loader.openCodec(entry('walr-x', { key: 'hunter22' }))
    expect(lines).toEqual([`walr-x: ******** 1970-01-01T00:00:00.000Z ${workspace.path} false`])
  })
})

describe('a plugin that is not what it says', () => {
  it.each([
    ['throws while it is imported', `throw new Error('boom')`, 'could not be imported: boom'],
    ['is not JavaScript', 'export default {', 'could not be imported'],
    ['has no default export', 'export const plugin = {}', 'has no default export made with definePlugin'],
    ['has another name', codecPlugin('other'), 'calls itself "other" in its default export, but "walr-x"'],
    ['has no name', codecPlugin('walr-x', { name: '' }), 'without "name"'],
    ['speaks another version', codecPlugin('walr-x', { apiVersion: '2' }), 'speaks plugin API 2'],
    ['cannot check options', codecPlugin('walr-x', { parseOptions: '' }), 'without a function "parseOptions"'],
    ['does not describe its options', codecPlugin('walr-x', { options: '' }), 'whose "options" is not a list'],
    ['lacks a hook', codecPlugin('walr-x', { createCodec: '' }), 'promises "codec" in its package.json'],
    ['has a hook that is none', codecPlugin('walr-x', { createCodec: '5' }), '"createCodec" that is no function'],
    ['has a hook too many', codecPlugin('walr-x', { createStorage: '() => {}' }), 'lacks "storage"'],
  ])('because it %s is a fault, and cannot be opened', async (_what, code, text) => {
    workspace.install('walr-x', code)
    const loader = workspace.loader(['walr-x'])
    const faults = await loader.check([entry('walr-x'), entry('walr-x')])
    expect(faults.map(({ message }) => message)).toEqual([expect.stringContaining(text)])
    expect(faults[0]).toMatchObject({ code: 'WALR_PLUGIN', place: 'plugins[0]' })
    await expect(loader.openCodec(entry('walr-x'))).rejects.toSatisfy(
      (error) => isWalrError(error, 'WALR_PLUGIN') && error.message.includes(text),
    )
  })

  const made = (codec: string): string => codecPlugin('walr-x', { createCodec: `async () => (${codec})` })
  const good = `id: 'x', kind: 'compression', suffix: '.x', encode: (x) => x, decode: (x) => x`
  it.each([
    ['nothing', made('undefined'), 'made undefined, not an object'],
    ['a codec that cannot decode', made(`{ ${good}, decode: 5 }`), 'without the function "decode"'],
    ['a codec with a strange suffix', made(`{ ${good}, suffix: '.TAR' }`), 'whose "suffix" is \'.TAR\''],
    ['a codec of no kind', made(`{ ${good}, kind: 'hash' }`), 'whose "kind" is \'hash\''],
    ['a codec without id', made(`{ ${good}, id: '' }`), 'whose "id"'],
    ['an error', codecPlugin('walr-x', { createCodec: `() => { throw new Error('no luck') }` }), 'no luck'],
  ])('because its hook makes %s is an error with the entry', async (_what, code, text) => {
    workspace.install('walr-x', code)
    const loader = workspace.loader(['walr-x'])
    expect(await loader.check([entry('walr-x')])).toEqual([])
    await expect(loader.openCodec(entry('walr-x'))).rejects.toSatisfy(
      (error) =>
        isWalrError(error, 'WALR_PLUGIN') &&
        error.message.startsWith('"walr-x" (walr.config.yaml archive.codecs[0]) ') &&
        error.message.includes(text),
    )
  })

  it.each([
    [
      'capabilities',
      `put, get: put, head: put, list: put, delete: put, [Symbol.asyncDispose]: put`,
      'without "capabilities"',
    ],
    ['a way to end', `put, get: put, head: put, list: put, delete: put`, 'asyncDispose'],
  ])('because its storage lacks %s is an error', async (_what, fields, text) => {
    const createStorage = `async () => { const put = async () => {}; return { ${fields} } }`
    const code = codecPlugin('walr-x', { createCodec: '', createStorage })
    workspace.install('walr-x', code, { walr: { apiVersion: 1, provides: ['storage'] } })
    const opening = workspace.loader(['walr-x']).openStorage(entry('walr-x', {}, 'storage'))
    await expect(opening).rejects.toThrow(text)
  })
})

describe('the options of an entry', () => {
  it('are told with all their faults at once, each with its path, and without secrets', async () => {
    const faults = `[{ path: 'bucket', message: 'it is missing' }, { path: 'key', message: 'it is ' + input.key }]`
    workspace.install(
      'walr-x',
      codecPlugin('walr-x', {
        options: `[{ name: 'key', type: 'string', summary: 's', secret: true }]`,
        parseOptions: `(input) => { throw ${optionsError.replace('FAULTS', faults)} }`,
      }),
    )
    const loader = workspace.loader(['walr-x'])
    const entries = [entry('walr-x', { key: 'hunter22' })]
    expect(await loader.check(entries)).toMatchObject([
      { place: 'archive.codecs[0].bucket', code: 'WALR_CONFIG' },
      { place: 'archive.codecs[0].key', code: 'WALR_CONFIG' },
    ])
    await expect(loader.assertGood(entries)).rejects.toMatchObject({
      code: 'WALR_CONFIG',
      message:
        '"walr-x" (walr.config.yaml archive.codecs[0].bucket) has a wrong option: it is missing; ' +
        '"walr-x" (walr.config.yaml archive.codecs[0].key) has a wrong option: it is ********',
    })
  })

  it('of built-ins are checked in the same way', async () => {
    const entries = [
      entry('local', { mode: 'open', pth: '/x' }, 'storage'),
      entry('zstd', { level: '23' }),
      entry('gzip', { level: 9 }),
    ]
    const faults = await workspace.loader([]).check(entries)
    expect(faults.map(({ place, message }) => [place, message.split(' option: ')[1]])).toEqual([
      ['archive.storage.path', 'it is missing, but text is expected'],
      ['archive.storage.mode', 'it is "open", but one of "private", "group" is expected'],
      ['archive.storage.pth', 'it is unknown; the options are "path", "mode", "marker", "hardLinks"'],
      ['archive.codecs[0].level', 'it is "23", but a whole number from 1 to 22 is expected'],
    ])
  })

  it('that the plugin cannot check are the fault of the plugin', async () => {
    workspace.install('walr-x', codecPlugin('walr-x', { parseOptions: `() => { throw new TypeError('oops') }` }))
    expect(await workspace.loader(['walr-x']).check([entry('walr-x')])).toMatchObject([
      { code: 'WALR_PLUGIN', message: expect.stringContaining('could not check its options: oops') as string },
    ])
  })
})

describe('a configuration', () => {
  it('has the faults of all plugins and entries told at once, in one error', async () => {
    workspace.install('old', codecPlugin('old'), { walr: { apiVersion: 0, provides: ['codec'] } })
    const loader = workspace.loader(['zstd', 'old', 'absent', 'old'])
    const error = await loader
      .assertGood([entry('unlisted'), entry('zstd', { level: 99 }), entry('zstd', {}, 'storage'), entry('old')])
      .catch((caught: unknown) => caught)
    expect(isWalrError(error, 'WALR_PLUGIN')).toBe(true)
    expect((error as Error).message.split('; "').map((line) => line.replace(/^"/, ''))).toEqual([
      'zstd" (walr.config.yaml plugins[0]) is built in; take it off the list',
      'old" (walr.config.yaml plugins[3]) is in the list before, as plugins[1]',
      expect.stringMatching(/^old" \(walr.config.yaml plugins\[1\]\) speaks plugin API 0/),
      expect.stringMatching(/^absent" \(walr.config.yaml plugins\[2\]\) is not installed; run/),
      expect.stringMatching(/^unlisted" \(walr.config.yaml archive.codecs\[0\]\) is neither built in/),
      expect.stringMatching(/^zstd" \(walr.config.yaml archive.codecs\[0\].level\) has a wrong option/),
      expect.stringMatching(/^zstd" \(walr.config.yaml archive.storage\) offers no storage/),
    ])
  })

  it('without a file, and without plugins, is fine', async () => {
    const loader = workspace.loader([], { configFile: undefined })
    await loader.assertGood([])
    expect(await loader.describe('nothing')).toBeUndefined()
    expect((await loader.describe('local'))?.options.map(({ name }) => name)).toContain('path')
    await expect(loader.assertGood([entry('nothing')])).rejects.toThrow('"nothing" (archive.codecs[0]) is neither')
  })
})

describe('opening', () => {
  it('ends with the reason of the signal when walr stops', async () => {
    const stop = new AbortController()
    workspace.install(
      'walr-x',
      codecPlugin('walr-x', {
        createCodec: `(options, { signal }) => new Promise((resolve, reject) => signal.onabort = () => reject(new Error('no')))`,
      }),
    )
    const opening = workspace.loader(['walr-x'], { signal: stop.signal }).openCodec(entry('walr-x'))
    const outcome = expect(opening).rejects.toBe('stopping')
    stop.abort('stopping')
    await outcome
  })

  it('does not wait for a hook that ignores the signal', async () => {
    const stop = new AbortController()
    workspace.install('walr-x', codecPlugin('walr-x', { createCodec: '() => new Promise(() => {})' }))
    const loader = workspace.loader(['walr-x'], { signal: stop.signal })
    await loader.assertGood([entry('walr-x')])
    const outcome = expect(loader.openCodec(entry('walr-x'))).rejects.toBe('stopping')
    await turn()
    stop.abort('stopping')
    await outcome
  })

  it('does not wait for a storage any longer than it has to, and says so', async () => {
    const lines: string[] = []
    const logger: Logger = { ...silentLogger, warning: (message) => void lines.push(message) }
    const stop = new AbortController()
    const createStorage = '() => new Promise(() => {})'
    workspace.install('walr-x', codecPlugin('walr-x', { createCodec: '', createStorage }), {
      walr: { apiVersion: 1, provides: ['storage'] },
    })
    const calls = { attempts: 1, openTimeoutMs: 50 }
    const loader = workspace.loader(['walr-x'], { logger, signal: stop.signal, calls })
    const storage = await loader.openStorage(entry('walr-x', {}, 'storage'))
    expect(lines).toEqual([
      '"walr-x" (walr.config.yaml archive.storage) has not opened its storage for 0.05 s; walr goes on, and waits for it',
    ])
    await expect(storage.head('a', { signal: stop.signal })).rejects.toMatchObject({
      code: 'Transient',
      message: expect.stringContaining('walr-x: head "a": the storage is not open yet') as string,
    })
    await storage[Symbol.asyncDispose]()
    stop.abort()
  })

  it('tells a key that is wrong, or missing, by its code', async () => {
    const wrongKey = `Object.assign(new Error('no key k1'), { [Symbol.for('walr.CodecError/1')]: true, code: 'WrongKey' })`
    workspace.install('a', codecPlugin('a', { createCodec: `() => { throw ${wrongKey} }` }))
    workspace.install('b', codecPlugin('b', { createCodec: `() => { throw ${optionsError.replace('FAULTS', '[]')} }` }))
    const loader = workspace.loader(['a', 'b'])
    await expect(loader.openCodec(entry('a'))).rejects.toMatchObject({ code: 'WALR_KEY' })
    await expect(loader.openCodec(entry('b'))).rejects.toMatchObject({ code: 'WALR_KEY' })
  })
})
