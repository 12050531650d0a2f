import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { codecPlugin, entry, PluginWorkspace } from './plugin-workspace.ts'

let workspace: PluginWorkspace
beforeEach(() => {
  workspace = new PluginWorkspace()
})
afterEach(() => workspace[Symbol.asyncDispose]())

/** The name of the plugin behind `use`, all the way to an opened codec. */
async function opened(use: string, baseDirectory = workspace.path): Promise<string | undefined> {
  const loader = workspace.loader([use], { baseDirectory })
  expect(await loader.check([entry(use)])).toEqual([])
  expect((await loader.openCodec(entry(use))).id).toBe('same')
  return (await loader.describe(use))?.name
}

describe('a plugin is found', () => {
  it('in a package that can only be imported and hides its package.json', async () => {
    workspace.install('walr-x', codecPlugin('walr-x'))
    expect(await opened('walr-x')).toBe('walr-x')
  })

  it('under a scope, installed in a folder above', async () => {
    workspace.install('@acme/walr-x', codecPlugin('@acme/walr-x'))
    mkdirSync(join(workspace.path, 'etc/walr'), { recursive: true })
    expect(await opened('@acme/walr-x', join(workspace.path, 'etc/walr'))).toBe('@acme/walr-x')
  })

  it('behind a symbolic link, as in a workspace', async () => {
    workspace.package('sources/x', { name: '@acme/walr-x' }, codecPlugin('@acme/walr-x'))
    workspace.link('sources/x', 'node_modules/@acme/walr-x')
    expect(await opened('@acme/walr-x')).toBe('@acme/walr-x')
  })

  it('in a package without an exports map', async () => {
    workspace.install('walr-x', codecPlugin('walr-x'), { exports: undefined, main: './lib/index.js' })
    expect(await opened('walr-x')).toBe('walr-x')
  })

  it('that was compiled to CommonJS', async () => {
    const code = codecPlugin('walr-x').replace('export default', 'exports.__esModule = true; exports.default =')
    workspace.install('walr-x', code, { type: 'commonjs', exports: './lib/index.js' })
    expect(await opened('walr-x')).toBe('walr-x')
  })

  it.each([
    ['with an exports map', {}],
    ['without one', { exports: undefined, main: 'lib/index.js' }],
  ])('in a folder beside the configuration file, %s', async (_what, manifest) => {
    workspace.package('my-codec', { name: 'my-codec', ...manifest }, codecPlugin('my-codec'))
    expect(await opened('./my-codec')).toBe('my-codec')
  })

  it('in a single file, which needs no package.json', async () => {
    workspace.write('plugins/codec.mjs', codecPlugin('anything'))
    workspace.write('codec.ts', `const id: number = 1\n${codecPlugin('typed')}`)
    expect(await opened('./plugins/codec.mjs')).toBe('anything')
    expect(await opened(join(workspace.path, 'plugins/codec.mjs'))).toBe('anything')
    expect(await opened('./codec.ts')).toBe('typed')
  })

  it('installed under another name than its own', async () => {
    workspace.package(
      'node_modules/alias',
      { name: '@acme/walr-x', exports: undefined, main: 'lib/index.js' },
      codecPlugin('@acme/walr-x'),
    )
    expect(await opened('alias')).toBe('@acme/walr-x')
  })
})

describe('a plugin that was installed into a data directory is found', () => {
  /** As `walr plugins install` leaves it. */
  function installInto(data: string, name: string): void {
    const generation = join(data, 'plugins', name.replace('/', '+'), '1.0.0-x')
    workspace.package(join(generation, 'node_modules', name), { name }, codecPlugin(name))
    workspace.link(generation, join(data, 'plugins', name.replace('/', '+'), 'current'))
  }
  const directories = (): readonly string[] => ['first', 'second'].map((name) => join(workspace.path, name))

  it('in any of them, under a scope, too', async () => {
    installInto('second', '@acme/walr-x')
    const loader = workspace.loader(['@acme/walr-x'], { dataDirectories: directories() })
    expect(await loader.check([entry('@acme/walr-x')])).toEqual([])
  })

  it('after what lies beside the configuration file, and in their order', async () => {
    const level = (from: string): Record<string, string> => ({
      options: `[{ name: '${from}', type: 'x', summary: 'x' }]`,
    })
    const place = async (): Promise<string | undefined> => {
      const loader = workspace.loader(['walr-x'], { dataDirectories: directories() })
      return (await loader.describe('walr-x'))?.options[0]?.name
    }
    for (const from of ['second', 'first']) {
      const generation = join(from, 'plugins/walr-x/1.0.0-x')
      workspace.package(join(generation, 'node_modules/walr-x'), { name: 'walr-x' }, codecPlugin('walr-x', level(from)))
      workspace.link(generation, join(from, 'plugins/walr-x/current'))
      expect(await place()).toBe(from)
    }
    workspace.install('walr-x', codecPlugin('walr-x', level('beside')))
    expect(await place()).toBe('beside')
  })

  it('unless nobody can tell whether it is there, which is not the same as absent', async () => {
    workspace.write('first', 'a file')
    mkdirSync(join(workspace.path, 'second/plugins/walr-x/current'), { recursive: true })
    const [fault] = await workspace.loader(['walr-x'], { dataDirectories: directories() }).check([])
    expect(fault?.message).toContain(`could not be looked for in "${join(workspace.path, 'second')}": Invalid argument`)
  })
})

describe('a plugin that is not found is a fault that says so', () => {
  it.each([
    [
      '@acme/absent',
      'is not installed; run "walr plugins install @acme/absent" (looked in "DIRECTORY/node_modules" and above it, "DIRECTORY/data")',
    ],
    ['./absent', 'does not exist: there is no "DIRECTORY/absent"'],
    ['./empty', 'has no package.json that can be read ("DIRECTORY/empty/package.json")'],
    ['@acme/walr-x@2', 'is neither the name of a package (without a version) nor a path that begins with "./"'],
    ['https://example.com/x.js', 'is neither the name of a package (without a version) nor a path'],
    ['unbuilt', 'has no entry that can be imported (its package.json: "DIRECTORY/node_modules/unbuilt/package.json")'],
  ])('%s', async (use, text) => {
    mkdirSync(join(workspace.path, 'empty'))
    workspace.install('unbuilt', '')
    rmSync(join(workspace.path, 'node_modules/unbuilt/lib'), { recursive: true })
    const faults = await workspace.loader([use]).check([entry(use)])
    expect(faults).toHaveLength(1)
    expect(faults[0]).toMatchObject({ plugin: use, place: 'plugins[0]', code: 'WALR_PLUGIN' })
    const start = `"${use}" (walr.config.yaml plugins[0]) ${text.replaceAll('DIRECTORY', workspace.path)}`
    expect(faults[0]?.message.slice(0, start.length)).toBe(start)
  })
})
