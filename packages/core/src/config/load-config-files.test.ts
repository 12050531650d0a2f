import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConfigDirectory, defaults } from './load-config.fixture.ts'
import { loadConfig, type LoadConfigOptions } from './load-config.ts'

let directory: ConfigDirectory
beforeEach(() => {
  directory = new ConfigDirectory()
})
afterEach(() => directory.dispose())

describe('a configuration file', () => {
  it.each([
    ['walr.config.yaml', 'receive: { directory: /wal }'],
    ['walr.config.yml', 'receive: { directory: /wal }'],
    ['walr.config.json', '{ "receive": { "directory": "/wal" } }'],
    ['walr.config.mjs', 'export default { receive: { directory: "/wal", slot: undefined } }'],
    ['walr.config.cjs', 'module.exports = { receive: { directory: "/wal" } }'],
    ['walr.config.ts', 'const directory: string = "/wal"; export default { receive: { directory } }'],
    ['walr.config.mts', 'const directory: string = "/wal"; export default { receive: { directory } }'],
    ['.walrrc', 'receive: { directory: /wal }'],
    ['.walrrc.json', '{ "receive": { "directory": "/wal" } }'],
    ['package.json', '{ "name": "x", "walr": { "receive": { "directory": "/wal" } } }'],
  ])('is found as %s', async (name, content) => {
    const path = directory.file(name, content)
    const { config, ...found } = await loadConfig({ environment: {}, workingDirectory: directory.root, search: true })
    expect(config.receive.directory).toBe('/wal')
    expect(found.file).toBe(path)
    const named = await loadConfig({ path: name, environment: {}, workingDirectory: directory.root, search: false })
    expect(named.config).toEqual(config)
  })

  it('is searched for in the working directory only, and only when that is wanted', async () => {
    directory.file('.walrrc', 'cluster: other')
    mkdirSync(join(directory.root, 'inner'))
    const inner = await loadConfig({ environment: {}, workingDirectory: join(directory.root, 'inner'), search: true })
    expect(inner).toMatchObject({ file: undefined, baseDirectory: join(directory.root, 'inner'), config: defaults })
    const unsearched = await loadConfig({ environment: {}, workingDirectory: directory.root, search: false })
    expect(unsearched.config.cluster).toBe('main')
  })

  it('is the one of --config before that of WALR_CONFIG, and that before what is found', async () => {
    for (const name of ['flag', 'variable']) directory.file(`${name}.yaml`, `cluster: ${name}`)
    directory.file('walr.config.yaml', 'cluster: found')
    const clusterOf = async (places: Partial<LoadConfigOptions>): Promise<string> => {
      const options = { environment: {}, workingDirectory: directory.root, search: true, ...places }
      return (await loadConfig(options)).config.cluster
    }
    const environment = { WALR_CONFIG: 'variable.yaml' }
    expect(await clusterOf({ path: 'flag.yaml', environment })).toBe('flag')
    expect(await clusterOf({ environment })).toBe('variable')
    expect(await clusterOf({ environment: { WALR_CONFIG: '' } })).toBe('found')
  })

  it('that is one of several is refused, with all their names', async () => {
    directory.file('walr.config.yaml', '')
    directory.file('.walrrc', '')
    directory.file('package.json', '{ "walr": {} }')
    const loading = loadConfig({ environment: {}, workingDirectory: directory.root, search: true })
    await expect(loading).rejects.toThrow(/more than one.*walr\.config\.yaml.*\.walrrc.*package\.json/)
  })

  it("is not the description of a plugin in that plugin's package.json", async () => {
    directory.file('package.json', '{ "walr": { "apiVersion": 1, "provides": ["codec"] } }')
    expect((await loadConfig({ environment: {}, workingDirectory: directory.root, search: true })).file).toBeUndefined()
  })

  it.each([
    ['a directory', (path: string) => mkdirSync(path), 'Is a directory'],
    ['a dangling link', (path: string) => symlinkSync('/does/not/exist', path), 'No such file'],
    ['a link to itself', (path: string) => symlinkSync(path, path), 'Too many levels of symbolic links'],
  ])('that is %s is refused, not taken for none', async (_what, make, text) => {
    make(join(directory.root, 'walr.config.yaml'))
    const loading = loadConfig({ environment: {}, workingDirectory: directory.root, search: true })
    await expect(loading).rejects.toThrow(text)
  })

  it('is not taken for none where nobody can look for it', async () => {
    symlinkSync('loop', join(directory.root, 'loop'))
    const loading = loadConfig({ environment: {}, workingDirectory: join(directory.root, 'loop'), search: true })
    await expect(loading).rejects.toThrow(/could not look for .*: Too many levels of symbolic links/)
  })

  it('that is named and missing is refused', async () => {
    const loading = loadConfig({
      path: 'missing.yaml',
      environment: {},
      workingDirectory: directory.root,
      search: true,
    })
    await expect(loading).rejects.toThrow(join(directory.root, 'missing.yaml'))
  })

  it.each([
    ['walr.conf', '', 'ends with ".conf"'],
    ['package.json', '{}', 'has no "walr"'],
    ['walr.mjs', 'export const config = {}', 'has no default export'],
    ['walr.mjs', 'throw new Error("on purpose")', 'on purpose'],
    ['walr.mjs', 'export default () => ({})', 'received a function'],
    ['walr.mjs', 'export default { cluster: () => 1 }', '"cluster": cannot be a function'],
    ['walr.yaml', 'a: 1\nb: [', 'line 2'],
    ['walr.json', '{\n"a": 1,\n}', 'line 3'],
  ])('%s with %j is refused', async (name, content, text) => {
    const loading = loadConfig({
      path: directory.file(name, content),
      environment: {},
      workingDirectory: directory.root,
      search: false,
    })
    await expect(loading).rejects.toThrow(text)
    await expect(loading).rejects.toThrow(join(directory.root, name))
  })

  it.each(['', '# only a comment\n', '---\n'])('may be as empty as %j', async (content) => {
    expect((await directory.load(content)).config).toEqual(defaults)
  })

  it('has no imports of cosmiconfig', async () => {
    directory.file('other.yaml', 'cluster: other')
    expect(await directory.failure('$import: other.yaml')).toContain('"$import": unknown key')
  })
})
