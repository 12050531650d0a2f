import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { codecPlugin, PluginWorkspace } from '../plugins/plugin-workspace.ts'
import { runWalr } from '../support/walr-process.ts'

let workspace: PluginWorkspace
beforeEach(() => {
  workspace = new PluginWorkspace()
})
afterEach(() => workspace[Symbol.asyncDispose]())

/** A server's port that counts who comes. */
async function countingPort(): Promise<
  AsyncDisposable & { readonly port: number; readonly connections: () => number }
> {
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('it does not listen')
  return {
    port: address.port,
    connections: () => connections,
    [Symbol.asyncDispose]: async () => {
      server.close()
      await once(server, 'close')
    },
  }
}

/** A configuration whose codecs are these entries, and whose list of plugins has their names, or `plugins`. */
function configure(
  port: number,
  entries: readonly Readonly<Record<string, unknown>>[],
  plugins?: readonly string[],
): string {
  const config = {
    connection: { host: '127.0.0.1', port, user: 'walr' },
    receive: { directory: '.' },
    plugins: plugins ?? entries.map(({ use }) => use),
    archive: { storage: { use: 'local', path: 'archive' }, codecs: entries },
  }
  return workspace.write('walr.config.yaml', JSON.stringify(config))
}

const bodyOfCodec = `kind: 'compression', encode: (x) => x, decode: (x) => x`
const optionsError = (faults: string): string =>
  `(input) => { throw Object.assign(new Error('options'), { [Symbol.for('walr.OptionsError/1')]: true, faults: ${faults} }) }`

describe('a plugin that cannot be used ends walr before it connects, with the file and the entry in the message', () => {
  it.each<[string, () => void, string, string]>([
    [
      'speaks a later version of the contract',
      () => workspace.install('walr-x', `throw new Error('was run')`, { walr: { apiVersion: 2, provides: ['codec'] } }),
      'plugins[0]',
      'speaks plugin API 2; this walr speaks 1',
    ],
    [
      'offers no codec',
      () =>
        workspace.install('walr-x', `throw new Error('was run')`, { walr: { apiVersion: 1, provides: ['storage'] } }),
      'archive.codecs[0]',
      'offers no codec; its package.json lists: storage',
    ],
    [
      'promises a codec that it has not',
      () => workspace.install('walr-x', codecPlugin('walr-x', { createCodec: '' })),
      'plugins[0]',
      'promises "codec" in its package.json',
    ],
    [
      'throws while it is imported',
      () => workspace.install('walr-x', `throw new Error('boom at import')`),
      'plugins[0]',
      'could not be imported: boom at import',
    ],
    ['is no JavaScript', () => workspace.install('walr-x', 'export default {'), 'plugins[0]', 'could not be imported'],
    [
      'refuses its options',
      () =>
        workspace.install(
          'walr-x',
          codecPlugin('walr-x', {
            parseOptions: optionsError(`[{ path: 'level', message: 'too high' }, { path: '', message: 'odd' }]`),
          }),
        ),
      'archive.codecs[0].level',
      'has a wrong option: too high',
    ],
    [
      'cannot even check its options',
      () =>
        workspace.install(
          'walr-x',
          codecPlugin('walr-x', { parseOptions: `() => { throw new TypeError('no luck') }` }),
        ),
      'archive.codecs[0]',
      'could not check its options: no luck',
    ],
    ['is not installed', () => undefined, 'plugins[0]', 'is not installed; run "walr plugins install walr-x"'],
  ])('because it %s; and walr config validate says the same', async (_what, install, place, text) => {
    await using server = await countingPort()
    install()
    const file = configure(server.port, [{ use: 'walr-x', level: 99 }])
    const received = await runWalr(['receive', '--config', file], { deadlineMs: 20_000 })
    expect(received.exitCode).toBe(1)
    expect(received.stdout).toBe('')
    expect(received.stderr).toContain(`"walr-x" (${file} ${place}) ${text}`)
    expect(received.stderr).toMatch(/^walr: error: /)
    expect(received.stderr).not.toMatch(/^\s*at |\bnode:internal/m)
    expect(server.connections()).toBe(0)

    const validated = await runWalr(['config', 'validate', '--config', file])
    expect(validated.exitCode).toBe(1)
    expect(validated.stderr).toContain(`"walr-x" (${file} ${place}) ${text}`)
    expect(validated.stderr).not.toMatch(/^\s*at |\bnode:internal/m)
  })

  it.each([
    ['throws', `() => { throw new Error('no luck today') }`, 'could not be opened: no luck today'],
    ['rejects', `async () => { throw new Error('no luck today') }`, 'could not be opened: no luck today'],
    ['throws what is no error', `() => { throw 'nothing' }`, 'could not be opened: nothing'],
    ['makes nothing', 'async () => undefined', 'cannot be used: its "createCodec" made undefined'],
    [
      'makes half a codec',
      `async () => ({ id: 'x', suffix: '.x', ${bodyOfCodec}, decode: 5 })`,
      'without the function "decode"',
    ],
  ])('because its factory %s', async (_what, createCodec, text) => {
    const { stderr, file } = await refusal(codecPlugin('walr-x', { createCodec }))
    expect(stderr).toContain(`"walr-x" (${file} archive.codecs[0]) `)
    expect(stderr).toContain(text)
  })

  it('because what its codec encodes does not come back', async () => {
    const decode = 'async function* (x) { for await (const bytes of x) yield bytes.map((byte) => byte ^ 1) }'
    const createCodec = `async () => ({ id: 'x', suffix: '.x', ${bodyOfCodec}, decode: ${decode} })`
    const { stderr } = await refusal(codecPlugin('walr-x', { createCodec }))
    expect(stderr).toContain('what the codecs ".x" encode does not decode to the same bytes')
  })
})

/** What walr says when it cannot use a plugin of this code, which ends it before it connects. */
async function refusal(code: string): Promise<{ readonly stderr: string; readonly file: string }> {
  await using server = await countingPort()
  workspace.install('walr-x', code)
  const file = configure(server.port, [{ use: 'walr-x' }])
  const { exitCode, stderr } = await runWalr(['receive', '--config', file], { deadlineMs: 20_000 })
  expect(exitCode).toBe(1)
  expect(stderr).toMatch(/^walr: error: /)
  expect(stderr).not.toMatch(/^\s*at |\bnode:internal/m)
  expect(server.connections()).toBe(0)
  return { stderr, file }
}

it('lists the faults of all plugins and entries together', async () => {
  await using server = await countingPort()
  workspace.install('walr-old', '', { walr: { apiVersion: 0, provides: ['codec'] } })
  workspace.install('walr-broken', `throw new Error('boom')`)
  workspace.install(
    'walr-picky',
    codecPlugin('walr-picky', {
      parseOptions: optionsError(`[{ path: 'a', message: 'wrong a' }, { path: 'b', message: 'wrong b' }]`),
    }),
  )
  const uses = ['walr-old', 'walr-broken', 'walr-picky', 'walr-absent']
  const file = configure(
    server.port,
    uses.map((use) => ({ use, a: 1 })),
    uses,
  )
  const faults = [
    `"walr-old" (${file} plugins[0]) speaks plugin API 0`,
    `"walr-broken" (${file} plugins[1]) could not be imported: boom`,
    `"walr-picky" (${file} archive.codecs[2].a) has a wrong option: wrong a`,
    `"walr-picky" (${file} archive.codecs[2].b) has a wrong option: wrong b`,
    `"walr-absent" (${file} plugins[3]) is not installed`,
  ]
  for (const argv of [['receive'], ['config', 'validate']]) {
    const result = await runWalr([...argv, '--config', file], { deadlineMs: 20_000 })
    expect(result.exitCode).toBe(1)
    for (const fault of faults) expect(result.stderr.split(fault).length - 1, `${fault} in\n${result.stderr}`).toBe(1)
  }
  expect(server.connections()).toBe(0)
})

it('gives the code of the error when it is asked to be verbose', async () => {
  await using server = await countingPort()
  workspace.install('walr-x', `throw new Error('boom', { cause: new Error('deeper') })`)
  const file = configure(server.port, [{ use: 'walr-x' }])
  const { stderr } = await runWalr(['receive', '-v', '--config', file], { deadlineMs: 20_000 })
  expect(stderr).toMatch(/^walr: code: WALR_PLUGIN$/m)
})

it('uses a plugin that is ESM only and hides its package.json', async () => {
  await using server = await countingPort()
  workspace.install('walr-x', codecPlugin('walr-x'), { exports: { '.': { import: './lib/index.js' } } })
  const file = configure(server.port, [{ use: 'walr-x' }])
  expect(await runWalr(['config', 'validate', '--config', file])).toMatchObject({ exitCode: 0, stderr: '' })
  const received = await runWalr(['receive', '--no-loop', '--config', file], { deadlineMs: 20_000 })
  expect(received.stderr).not.toContain('walr-x')
  expect(server.connections()).toBeGreaterThan(0)
})
