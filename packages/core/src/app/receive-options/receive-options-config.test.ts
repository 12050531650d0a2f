import { describe, expect, it } from 'vitest'
import type { LoadedConfig } from '../../config/load-config.ts'
import type { ArchiveConfig, ReceiveConfig, WalrConfig } from '../../config/walr-config.ts'
import { parseReceiveOptions, readConfigRequest, type ReceiveOptions } from './receive-options.ts'

const archive: ArchiveConfig = {
  storage: { use: 'local', path: '/archive' },
  codecs: [{ use: 'zstd' }],
  readCodecs: [],
  concurrency: 2,
  keepLocal: { ms: 0 },
  drainTimeout: { ms: 1000 },
}

function loaded(receive: Partial<ReceiveConfig> = {}, more: Partial<WalrConfig> = {}): LoadedConfig {
  return {
    config: {
      cluster: 'main',
      receive: { createSlot: false, statusInterval: { ms: 10_000 }, flush: 'batch', ...receive },
      plugins: [],
      ...more,
    },
    file: '/etc/walr/walr.config.yaml',
    baseDirectory: '/etc/walr',
    sourceOf: () => {
      throw new Error('nobody asks')
    },
    secretPaths: new Set(),
  }
}

function parse(config: LoadedConfig | undefined, ...argv: string[]): ReceiveOptions {
  const options = parseReceiveOptions(argv, config)
  if (typeof options === 'string') throw new Error(`unexpected: ${options}`)
  return options
}

describe('the options of walr receive with a configuration', () => {
  const full = loaded(
    {
      directory: '/wal',
      slot: 'walr',
      createSlot: true,
      guardSlot: 'guard',
      statusInterval: { ms: 3000 },
      flush: 'segment',
      compress: 'zstd:3',
    },
    { connection: 'host=db', plugins: ['@walr/plugin-s3'], archive },
  )

  it('are those of the configuration where the command line is silent', () => {
    expect(parse(full)).toMatchObject({
      action: 'receive',
      directory: '/wal',
      slot: 'walr',
      createSlot: true,
      guardSlot: 'guard',
      statusIntervalMs: 3000,
      flush: 'segment',
      sync: true,
      compression: { method: 'zstd', level: 3 },
      connection: { connectionString: 'host=db' },
      archive: {
        cluster: 'main',
        archive,
        plugins: ['@walr/plugin-s3'],
        configFile: '/etc/walr/walr.config.yaml',
        baseDirectory: '/etc/walr',
      },
    })
  })

  it('are those of the command line where it speaks', () => {
    expect(parse(full, ...'-D dir -S mine -s 7 -Z none -d host=other --flush=batch'.split(' '))).toMatchObject({
      directory: 'dir',
      slot: 'mine',
      statusIntervalMs: 7000,
      flush: 'batch',
      compression: { method: 'none' },
      connection: { connectionString: 'host=other' },
    })
  })

  it('of the command line win over what they exclude in the configuration', () => {
    expect(parse(full, '--synchronous').flush).toBe('batch')
    expect(parse(full, '--no-sync')).toMatchObject({ flush: 'batch', sync: false })
  })

  it('take the slot of the configuration for its creation', () => {
    expect(parse(full, '--create-slot')).toMatchObject({ action: 'create-slot', slot: 'walr' })
  })

  it('have a directory from the configuration only when it names one', () => {
    expect(() => parse(loaded())).toThrow(expect.objectContaining({ code: 'WALR_USAGE' }))
    expect(parse(loaded(), '-D', 'd').archive).toBeUndefined()
  })

  it('turn the keywords of a connection into a connection string, whatever their values hold', () => {
    const connection = { host: 'db', port: 5433, password: `it's a \\ "secret"`, options: '' }
    expect(parse(loaded({ directory: 'd' }, { connection })).connection.connectionString).toBe(
      `host='db' port='5433' password='it\\'s a \\\\ "secret"' options=''`,
    )
  })

  it('refuse a wrong value of the command line also where the configuration has a right one', () => {
    expect(() => parse(full, '-Z', 'foo')).toThrow(expect.objectContaining({ code: 'WALR_USAGE' }))
    expect(() => parse(full, '--slot=')).toThrow(expect.objectContaining({ code: 'WALR_USAGE' }))
  })
})

describe('the configuration that a command line asks for', () => {
  it.each<[string, readonly string[], ReturnType<typeof readConfigRequest>]>([
    ['is searched for without a directory', [], { path: undefined, search: true }],
    ['is not searched for with one, as pg_receivewal has none', ['-D', 'd'], { path: undefined, search: false }],
    ['is not searched for to create a slot', ['--create-slot', '-S', 's'], { path: undefined, search: false }],
    ['is not searched for to drop a slot', ['--drop-slot', '-S', 's'], { path: undefined, search: false }],
    ['is the one that is named', ['--config', 'a.yaml'], { path: 'a.yaml', search: true }],
    ['is the one that is named, beside a directory', ['-Dd', '--config=a'], { path: 'a', search: false }],
    ['is the last one that is named', ['--config', 'a', '--config', 'b'], { path: 'b', search: true }],
    ['is none for the help', ['--config', 'a', '--help'], undefined],
    ['is none for the version', ['-V'], undefined],
    ['is none where the command line is wrong', ['--config', 'a', '--foo'], undefined],
    ['is none where its name is missing', ['--config'], undefined],
  ])('%s', (_, argv, request) => {
    expect(readConfigRequest(argv)).toEqual(request)
  })
})
