import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConfigDirectory, defaults, withArchive } from './load-config.fixture.ts'
import { examineConfig } from './load-config.ts'

let directory: ConfigDirectory
beforeEach(() => {
  directory = new ConfigDirectory()
})
afterEach(() => directory.dispose())

describe('a configuration', () => {
  it('has defaults for all that nobody set', async () => {
    const { config, sourceOf } = await directory.load('')
    expect(config).toEqual(defaults)
    expect(sourceOf('cluster')).toBe('default')
    expect(sourceOf('receive.flush')).toBe('default')
    expect((await directory.load(withArchive)).config.archive).toEqual({
      storage: { use: 'local', path: '/archive' },
      codecs: [{ use: 'zstd' }],
      readCodecs: [],
      concurrency: 2,
      keepLocal: { ms: 0 },
      drainTimeout: { ms: 30_000 },
    })
  })

  it('knows the secrets in a connection string', async () => {
    const { secretPaths } = await directory.load('connection: "host=db password=x sslpassword=y"')
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
    const { config, secretPaths, baseDirectory } = await directory.load(content)
    expect(config).toEqual({
      cluster: 'pg-15.main',
      connection: { host: 'db', port: 5433, password: 'geheim', sslmode: 'verify-full' },
      receive: {
        directory: join(directory.root, 'wal'),
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
    expect(baseDirectory).toBe(directory.root)
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
    const message = await directory.failure(content)
    expect(message).toContain(text)
    expect(message).toContain(join(directory.root, 'walr.yaml'))
  })

  it('has no token in what is wrong with it', async () => {
    for (const content of [
      'http: { token: geheim }',
      'http: { token: [geheim] }',
      'http: { token: "geheim geheim geheim" }',
    ]) {
      expect(await directory.failure(content)).not.toContain('geheim')
    }
    expect(await directory.failure('http: {}', { environment: { WALR_HTTP_TOKEN: 'geheim' } })).not.toContain('geheim')
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
    expect((await directory.load(content)).config.http).toEqual(http)
  })

  it('tells all of its faults at once, each once', async () => {
    const content =
      'cluster: /\nother: 1\nreceive: { directory: 5, more: 1, slot: "${NOT_SET}" }\narchive: { storage: { use: x } }'
    const { faults, loaded } = await examineConfig({
      path: directory.file('walr.yaml', content),
      environment: { WALR_RECEIVE_SLTO: 'x', WALR_RECEIVE_FLUSH: 'never' },
      workingDirectory: directory.root,
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
    expect(await directory.failure(content)).toContain('is wrong in 6 places')
    expect(await directory.failure(content)).toContain('"receive.more": unknown key (line 3)')
  })
})

describe('a value', () => {
  it('comes from the command line before the environment, and from there before the file', async () => {
    const content = 'cluster: file\nreceive: { directory: file, slot: file, flush: batch }'
    const { config, sourceOf } = await directory.load(content, {
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
    const { config } = await directory.load('cluster: "${NOT_SET}"', { environment: { WALR_CLUSTER: 'other' } })
    expect(config.cluster).toBe('other')
  })

  it('that replaces a section leaves no source of what was in it', async () => {
    const content = 'archive: { storage: { use: local }, codecs: [{ use: zstd, level: 3 }] }'
    const { config, sourceOf } = await directory.load(content, { environment: { WALR_ARCHIVE_CODECS_0: 'gzip' } })
    expect(config.archive?.codecs).toEqual([{ use: 'gzip' }])
    expect(sourceOf('archive.codecs[0].level')).toBe('environment variable WALR_ARCHIVE_CODECS_0')
  })

  it('of a variable is taken as it is', async () => {
    const environment = { WALR_CONNECTION_PASSWORD: 'a$$b${c}' }
    expect((await directory.load('', { environment })).config.connection).toEqual({ password: 'a$$b${c}' })
  })

  it('of the connection is added to a connection string', async () => {
    const { config, sourceOf } = await directory.load('connection: "postgresql://walr@${HOST}:5433/"', {
      environment: { HOST: 'db', WALR_CONNECTION_PASSWORD: 'geheim' },
    })
    expect(config.connection).toEqual({ host: 'db', port: '5433', user: 'walr', password: 'geheim' })
    expect(sourceOf('connection.host')).toBe('file')
    expect(sourceOf('connection.password')).toBe('environment variable WALR_CONNECTION_PASSWORD')
  })

  it('that refers to variables and files is what they hold, and secret when it is from a file', async () => {
    directory.file('key', 'geheim $X\n')
    const { config, secretPaths } = await directory.load(
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
