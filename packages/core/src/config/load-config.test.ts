import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isWalrError, type WalrError } from '../errors/walr-error.ts'
import { examineConfig, loadConfig, type LoadConfigOptions, type LoadedConfig } from './load-config.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'walr-config-'))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

function file(name: string, content: string): string {
  const path = join(root, name)
  writeFileSync(path, content)
  return path
}

function load(content: string, more: Partial<LoadConfigOptions> = {}): Promise<LoadedConfig> {
  const path = file('walr.yaml', content)
  return loadConfig({ path, environment: {}, workingDirectory: '/srv', search: false, ...more })
}

async function failure(content: string, more: Partial<LoadConfigOptions> = {}): Promise<string> {
  const error = await load(content, more).then(
    () => expect.fail('the configuration was accepted'),
    (reason: unknown) => reason as WalrError,
  )
  expect(isWalrError(error, 'WALR_CONFIG')).toBe(true)
  return inspect(error, { depth: 10 })
}

const defaults = {
  cluster: 'main',
  plugins: [],
  receive: { createSlot: false, flush: 'batch', statusInterval: { ms: 10_000 } },
}
const withArchive = 'archive: { storage: { use: local, path: /archive } }\n'

describe('a configuration', () => {
  it('has defaults for all that nobody set', async () => {
    const { config, sourceOf } = await load('')
    expect(config).toEqual(defaults)
    expect(sourceOf('cluster')).toBe('default')
    expect(sourceOf('receive.flush')).toBe('default')
    expect((await load(withArchive)).config.archive).toEqual({
      storage: { use: 'local', path: '/archive' },
      codecs: [{ use: 'zstd' }],
      readCodecs: [],
      concurrency: 2,
      keepLocal: { ms: 0 },
      drainTimeout: { ms: 30_000 },
    })
  })

  it('knows the secrets in a connection string', async () => {
    const { secretPaths } = await load('connection: "host=db password=x sslpassword=y"')
    expect([...secretPaths]).toEqual(['connection.password', 'connection.sslpassword'])
  })

  it('takes every key', async () => {
    const content = `
cluster: pg-15.main
connection: { host: db, port: 5433, password: geheim, sslmode: verify-full }
receive:
  directory: wal
  slot: walr
  createSlot: yes
  guardSlot: walr_guard
  statusInterval: 500ms
  flush: segment
  compress: 6
plugins: ["@walr/plugin-s3", ./codec.js]
archive:
  storage: { use: "@walr/plugin-s3", bucket: b, deep: { list: [1, true, x] } }
  codecs: [zstd, { use: ./codec.js, level: 3 }]
  readCodecs: [gzip]
  concurrency: "4"
  keepLocal: 7d
  drainTimeout: 15`
    const { config, secretPaths, baseDirectory } = await load(content)
    expect(config).toEqual({
      cluster: 'pg-15.main',
      connection: { host: 'db', port: 5433, password: 'geheim', sslmode: 'verify-full' },
      receive: {
        directory: join(root, 'wal'),
        slot: 'walr',
        createSlot: true,
        guardSlot: 'walr_guard',
        statusInterval: { ms: 500 },
        flush: 'segment',
        compress: '6',
      },
      plugins: ['@walr/plugin-s3', './codec.js'],
      archive: {
        storage: { use: '@walr/plugin-s3', bucket: 'b', deep: { list: [1, true, 'x'] } },
        codecs: [{ use: 'zstd' }, { use: './codec.js', level: 3 }],
        readCodecs: [{ use: 'gzip' }],
        concurrency: 4,
        keepLocal: { ms: 604_800_000 },
        drainTimeout: { ms: 15_000 },
      },
    })
    expect([...secretPaths]).toEqual(['connection.password'])
    expect(baseDirectory).toBe(root)
  })

  it.each([
    ['recieve: {}', '"recieve": unknown key; did you mean "receive"?'],
    ['receive: { slto: x }', '"receive.slto": unknown key; did you mean "receive.slot"?'],
    ['slot: x', '"slot": unknown key; did you mean "receive.slot"?'],
    ['backup: {}', 'this version of walr does not have the section "backup"'],
    ['retention: {}', 'does not have the section "retention"'],
    ['cluster: a/b', '"cluster": must be letters, digits, ".", "_" and "-"'],
    ['cluster: a/b', 'received "a/b"'],
    ['cluster: 15', 'received 15'],
    ['cluster:', '"cluster": has no value'],
    ['connection: { hots: x }', '"connection.hots": is no keyword of a connection; did you mean "host"?'],
    ['connection: { sslsni: true }', '"connection.sslsni": must be text or a number'],
    ['connection: nothing', '"connection": missing "=" after "nothing"'],
    ['connection: [1]', '"connection": must be a connection string'],
    ['receive: text', '"receive": must be a section with keys of its own, received "text"'],
    ['receive: { directory: 5 }', '"receive.directory": must be the path of a directory, received 5'],
    ['receive: { directory: "" }', '"receive.directory"'],
    ['receive: { slot: A-b }', '"receive.slot": must be the name of a replication slot'],
    ['receive: { createSlot: maybe }', '"receive.createSlot": must be true or false, received "maybe"'],
    ['receive: { createSlot: "on" }', '"receive.createSlot": needs "receive.slot"'],
    [`${withArchive}receive: { slot: a, guardSlot: a }`, '"receive.guardSlot": must differ from "receive.slot"'],
    ['receive: { slot: a, guardSlot: b }', '"receive.guardSlot": needs "archive"'],
    ['receive: { statusInterval: 5 minutes }', '"receive.statusInterval": must be a duration such as 500ms'],
    ['receive: { statusInterval: -1 }', '"receive.statusInterval"'],
    ['receive: { statusInterval: 25d }', 'at most 24d, received "25d"'],
    ['receive: { flush: never }', '"receive.flush": must be "batch" or "segment", received "never"'],
    ['archive:', '"archive.storage": is missing: a section with "use"'],
    ['archive: { storage: {} }', '"archive.storage.use": is missing'],
    ['archive: { storage: local }', '"archive.storage": must be a section with "use"'],
    [
      'archive: { storage: { use: lokal } }',
      '"lokal" is neither built in (local, zstd, gzip) nor listed; add it to "plugins"',
    ],
    ['archive: { storage: { use: lokal } }', 'did you mean "local"?'],
    [`plugins: [./a.js]\n${withArchive.replace('local', 'a.js')}`, 'did you mean "./a.js"?'],
    ['plugins: a', '"plugins": must be a list'],
    ['plugins: [A B]', '"plugins[0]": must be the name of a package'],
    ['plugins: [a, a]', '"plugins[1]": is listed already: "a"'],
    ['archive: { storage: { use: local }, codecs: zstd }', '"archive.codecs": must be a list of plugin entries'],
    ['archive: { storage: { use: local }, codecs: [5] }', '"archive.codecs[0]": must be a section with "use"'],
    ['archive: { storage: { use: local }, concurrency: 65 }', 'must be a whole number from 1 to 64, received 65'],
    ['archive: { storage: { use: local }, keepLocal: 1.5h }', '"archive.keepLocal": must be a duration'],
    ['archive: { storage: { use: local, path: } }', '"archive.storage.path": has no value'],
    ['http: { listen: 7070 }', '"http.listen": must be HOST:PORT such as 127.0.0.1:7070'],
    ['http: { listen: "localhost:70700" }', '"http.listen": must be HOST:PORT'],
    ['http: { listen: "0.0.0.0:7070" }', '"http.listen": can be reached from other machines, so it needs "http.token"'],
    ['http: { listen: "[::]:7070" }', 'so it needs "http.token" or "http.clientCaFile"'],
    ['http: { listen: "db.example.com:7070", certFile: a, keyFile: b }', '"http.listen": can be reached'],
    ['http: { token: 0123456789abcde }', '"http.token": must be at least 16 letters, digits and signs without spaces'],
    ['http: { token: "0123456789 abcdefghi" }', '"http.token": must be'],
    ['http: { certFile: a }', '"http.certFile": needs "http.keyFile"'],
    ['http: { keyFile: a }', '"http.keyFile": needs "http.certFile"'],
    ['http: { clientCaFile: a }', '"http.clientCaFile": needs "http.certFile"'],
    ['http: { maxDownloads: 0 }', 'must be a whole number from 1 to 1024, received 0'],
    ['http: { tokn: x }', '"http.tokn": unknown key; did you mean "http.token"?'],
    ['&a [*a]', 'must be sections and keys, received a list'],
    ['archive: &a { storage: { use: local, more: *a } }', 'contains itself'],
    ['"__proto__": { cluster: x }', '__proto__'],
    ['- 1', 'must be sections and keys'],
  ])('%s is refused with what is wrong', async (content, text) => {
    const message = await failure(content)
    expect(message).toContain(text)
    expect(message).toContain(join(root, 'walr.yaml'))
  })

  it('has no token in what is wrong with it', async () => {
    for (const content of [
      'http: { token: geheim }',
      'http: { token: [geheim] }',
      'http: { token: "geheim geheim geheim" }',
    ]) {
      expect(await failure(content)).not.toContain('geheim')
    }
    expect(await failure('http: {}', { environment: { WALR_HTTP_TOKEN: 'geheim' } })).not.toContain('geheim')
  })

  it.each([
    ['http:', { listen: '127.0.0.1:7070', maxDownloads: 64 }],
    ['http: { listen: "[::1]:0", maxDownloads: "3" }', { listen: '[::1]:0', maxDownloads: 3 }],
    ['http: { listen: "unix:/run/walr.sock" }', { listen: 'unix:/run/walr.sock', maxDownloads: 64 }],
    [
      'http: { listen: "0.0.0.0:1", token: 0123456789abcdef }',
      { listen: '0.0.0.0:1', token: '0123456789abcdef', maxDownloads: 64 },
    ],
    [
      'http: { listen: "db:1", certFile: a, keyFile: b, clientCaFile: c }',
      { listen: 'db:1', certFile: 'a', keyFile: 'b', clientCaFile: 'c', maxDownloads: 64 },
    ],
  ])('serves over HTTP: %s', async (content, http) => {
    expect((await load(content)).config.http).toEqual(http)
  })

  it('tells all of its faults at once, each once', async () => {
    const content =
      'cluster: /\nother: 1\nreceive: { directory: 5, more: 1, slot: "${NOT_SET}" }\narchive: { storage: { use: x } }'
    const { faults, loaded } = await examineConfig({
      path: file('walr.yaml', content),
      environment: { WALR_RECEIVE_SLTO: 'x', WALR_RECEIVE_FLUSH: 'never' },
      workingDirectory: root,
      search: false,
    })
    expect(loaded).toBeUndefined()
    expect(faults.map(({ path, source }) => [path, source])).toEqual([
      ['', undefined],
      ['receive.slot', 'file'],
      ['cluster', 'file'],
      ['receive.directory', 'file'],
      ['receive.flush', 'environment variable WALR_RECEIVE_FLUSH'],
      ['receive.more', 'file'],
      ['other', 'file'],
      ['archive.storage.use', 'file'],
    ])
    expect(await failure(content)).toContain('is wrong in 6 places')
    expect(await failure(content)).toContain('"receive.more": unknown key (line 3)')
  })
})

describe('a value', () => {
  it('comes from the command line before the environment, and from there before the file', async () => {
    const content = 'cluster: file\nreceive: { directory: file, slot: file, flush: batch }'
    const { config, sourceOf } = await load(content, {
      environment: { WALR_RECEIVE_SLOT: 'variable', WALR_RECEIVE_DIRECTORY: 'variable' },
      flags: { 'receive.slot': 'flag', 'receive.compress': 'gzip', cluster: undefined },
    })
    expect(config.cluster).toBe('file')
    expect(config.receive).toMatchObject({ slot: 'flag', directory: '/srv/variable', compress: 'gzip' })
    expect(
      ['cluster', 'receive.slot', 'receive.directory', 'receive.createSlot', 'receive.compress'].map(sourceOf),
    ).toEqual(['file', 'command line', 'environment variable WALR_RECEIVE_DIRECTORY', 'default', 'command line'])
  })

  it('of the file is not looked at when another one takes its place', async () => {
    const { config } = await load('cluster: "${NOT_SET}"', { environment: { WALR_CLUSTER: 'other' } })
    expect(config.cluster).toBe('other')
  })

  it('that replaces a section leaves no source of what was in it', async () => {
    const content = 'archive: { storage: { use: local }, codecs: [{ use: zstd, level: 3 }] }'
    const { config, sourceOf } = await load(content, { environment: { WALR_ARCHIVE_CODECS_0: 'gzip' } })
    expect(config.archive?.codecs).toEqual([{ use: 'gzip' }])
    expect(sourceOf('archive.codecs[0].level')).toBe('environment variable WALR_ARCHIVE_CODECS_0')
  })

  it('of a variable is taken as it is', async () => {
    const environment = { WALR_CONNECTION_PASSWORD: 'a$$b${c}' }
    expect((await load('', { environment })).config.connection).toEqual({ password: 'a$$b${c}' })
  })

  it('of the connection is added to a connection string', async () => {
    const { config, sourceOf } = await load('connection: "postgresql://walr@${HOST}:5433/"', {
      environment: { HOST: 'db', WALR_CONNECTION_PASSWORD: 'geheim' },
    })
    expect(config.connection).toEqual({ host: 'db', port: '5433', user: 'walr', password: 'geheim' })
    expect(sourceOf('connection.host')).toBe('file')
    expect(sourceOf('connection.password')).toBe('environment variable WALR_CONNECTION_PASSWORD')
  })

  it('that refers to variables and files is what they hold, and secret when it is from a file', async () => {
    file('key', 'geheim $X\n')
    const { config, secretPaths } = await load(
      `connection: { host: "\${HOST:-db}", password: "\${file:key}" }\n${withArchive}cluster: "\${CLUSTER}"
receive: { directory: "/wal/$$x", createSlot: "\${CREATE:-false}" }`,
      { environment: { CLUSTER: 'other' } },
    )
    expect(config).toMatchObject({
      cluster: 'other',
      connection: { host: 'db', password: 'geheim $X' },
      receive: { directory: '/wal/$x', createSlot: false },
    })
    expect([...secretPaths]).toEqual(['connection.password'])
  })
})

describe('a secret', () => {
  it.each([
    ['connection: { password: [geheim] }'],
    ['connection: { password: true, geheim: x }'.replace('geheim: x', 'sslpassword: { geheim: 1 }')],
    ['connection: "host=db password=geheim geheim"'],
    ['connection: "postgresql://walr:geheim@/%zz"'],
    ['cluster: "${file:secret}"'],
    ['receive: { statusInterval: "${file:secret}" }'],
    ['cluster: "${SOME_PASSWORD}"'],
    ['password: geheim'],
    ['connection: "${file:secret}"'],
    ['connection: "${file:secret}"\ncluster: ${file:secret}'],
    ['archive: { storage: { use: "${file:secret}" } }'],
    ['plugins: ["${file:secret}", "${file:secret}"]'],
    ['receive: { slot: "${SECRET_SLOT}", guardSlot: "${SECRET_SLOT}" }'],
    ['connection: { password: "geheim }'],
    ['connection: { password: *geheim }'],
    ['connection: { password: !geheim x }'],
    ['connection: { password: "${geheim" }'],
    ['connection: { password: "a${geheim!}" }'],
  ])('of %s is in no message', async (content) => {
    file('secret', '/geheim')
    const message = await failure(content, { environment: { SOME_PASSWORD: '/geheim', SECRET_SLOT: 'geheim' } })
    expect(message).not.toContain('geheim')
  })

  it('of a connection string that gets more keywords is in no message', async () => {
    file('secret', '/geheim')
    const environment = { WALR_CONNECTION_HOST: 'db' }
    const message = await failure('connection: "${file:secret}"', { environment })
    expect(message).toContain('"connection": must be a connection string')
    expect(message).not.toContain('geheim')
  })

  it.each(['{ "password": geheim }', '{ "password": "x" geheim', '{"password": "geheim', '{"a": geheim"x": 1}'])(
    'of the broken JSON %s is in no message',
    async (content) => {
      const path = file('walr.json', content)
      const error = await loadConfig({ path, environment: {}, workingDirectory: root, search: false }).catch(
        (reason: unknown) => reason as WalrError,
      )
      expect(isWalrError(error, 'WALR_CONFIG') && error.message).toContain('walr.json')
      expect(inspect(error, { depth: 10 })).not.toContain('geheim')
    },
  )
})

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
    const path = file(name, content)
    const { config, ...found } = await loadConfig({ environment: {}, workingDirectory: root, search: true })
    expect(config.receive.directory).toBe('/wal')
    expect(found.file).toBe(path)
    const named = await loadConfig({ path: name, environment: {}, workingDirectory: root, search: false })
    expect(named.config).toEqual(config)
  })

  it('is searched for in the working directory only, and only when that is wanted', async () => {
    file('.walrrc', 'cluster: other')
    mkdirSync(join(root, 'inner'))
    const inner = await loadConfig({ environment: {}, workingDirectory: join(root, 'inner'), search: true })
    expect(inner).toMatchObject({ file: undefined, baseDirectory: join(root, 'inner'), config: defaults })
    const unsearched = await loadConfig({ environment: {}, workingDirectory: root, search: false })
    expect(unsearched.config.cluster).toBe('main')
  })

  it('is the one of --config before that of WALR_CONFIG, and that before what is found', async () => {
    for (const name of ['flag', 'variable']) file(`${name}.yaml`, `cluster: ${name}`)
    file('walr.config.yaml', 'cluster: found')
    const clusterOf = async (places: Partial<LoadConfigOptions>): Promise<string> => {
      const options = { environment: {}, workingDirectory: root, search: true, ...places }
      return (await loadConfig(options)).config.cluster
    }
    const environment = { WALR_CONFIG: 'variable.yaml' }
    expect(await clusterOf({ path: 'flag.yaml', environment })).toBe('flag')
    expect(await clusterOf({ environment })).toBe('variable')
    expect(await clusterOf({ environment: { WALR_CONFIG: '' } })).toBe('found')
  })

  it('that is one of several is refused, with all their names', async () => {
    file('walr.config.yaml', '')
    file('.walrrc', '')
    file('package.json', '{ "walr": {} }')
    const loading = loadConfig({ environment: {}, workingDirectory: root, search: true })
    await expect(loading).rejects.toThrow(/more than one.*walr\.config\.yaml.*\.walrrc.*package\.json/)
  })

  it("is not the description of a plugin in that plugin's package.json", async () => {
    file('package.json', '{ "walr": { "apiVersion": 1, "provides": ["codec"] } }')
    expect((await loadConfig({ environment: {}, workingDirectory: root, search: true })).file).toBeUndefined()
  })

  it.each([
    ['a directory', (path: string) => mkdirSync(path), 'Is a directory'],
    ['a dangling link', (path: string) => symlinkSync('/does/not/exist', path), 'No such file'],
    ['a link to itself', (path: string) => symlinkSync(path, path), 'Too many levels of symbolic links'],
  ])('that is %s is refused, not taken for none', async (_what, make, text) => {
    make(join(root, 'walr.config.yaml'))
    const loading = loadConfig({ environment: {}, workingDirectory: root, search: true })
    await expect(loading).rejects.toThrow(text)
  })

  it('is not taken for none where nobody can look for it', async () => {
    symlinkSync('loop', join(root, 'loop'))
    const loading = loadConfig({ environment: {}, workingDirectory: join(root, 'loop'), search: true })
    await expect(loading).rejects.toThrow(/could not look for .*: Too many levels of symbolic links/)
  })

  it('that is named and missing is refused', async () => {
    const loading = loadConfig({ path: 'missing.yaml', environment: {}, workingDirectory: root, search: true })
    await expect(loading).rejects.toThrow(join(root, 'missing.yaml'))
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
    const loading = loadConfig({ path: file(name, content), environment: {}, workingDirectory: root, search: false })
    await expect(loading).rejects.toThrow(text)
    await expect(loading).rejects.toThrow(join(root, name))
  })

  it.each(['', '# only a comment\n', '---\n'])('may be as empty as %j', async (content) => {
    expect((await load(content)).config).toEqual(defaults)
  })

  it('has no imports of cosmiconfig', async () => {
    file('other.yaml', 'cluster: other')
    expect(await failure('$import: other.yaml')).toContain('"$import": unknown key')
  })
})
