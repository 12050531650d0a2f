import { describe, expect, it } from 'vitest'
import { applyEnvironment, environmentSettings } from './environment-settings.ts'
import type { ConfigSection } from './config-tree.ts'
import { SETTINGS, variableOf } from './setting-table.ts'

/** What the environment makes of a tree. */
function applied(environment: Record<string, string>, tree: ConfigSection = {}): ConfigSection {
  const { settings, faults } = environmentSettings(environment, tree)
  expect([...faults, ...applyEnvironment(tree, settings)]).toEqual([])
  return tree
}

function faultsOf(environment: Record<string, string>, tree: ConfigSection = {}): string[] {
  const { settings, faults } = environmentSettings(environment, tree)
  return [...faults, ...applyEnvironment(tree, settings)].map(({ message, source }) => `${message} ${source ?? ''}`)
}

describe('a variable', () => {
  it('gives a value to every key', () => {
    const environment = Object.fromEntries(
      SETTINGS.map(({ variable, kind }) => [kind === 'entry' ? `${variable}_USE` : variable, 'x']),
    )
    expect(applied(environment)).toEqual({
      cluster: 'x',
      connection: 'x',
      plugins: ['x'],
      receive: {
        directory: 'x',
        slot: 'x',
        createSlot: 'x',
        guardSlot: 'x',
        statusInterval: 'x',
        flush: 'x',
        compress: 'x',
      },
      archive: {
        storage: { use: 'x' },
        codecs: [{ use: 'x' }],
        readCodecs: [{ use: 'x' }],
        concurrency: 'x',
        keepLocal: 'x',
        drainTimeout: 'x',
      },
      http: { listen: 'x', token: 'x', certFile: 'x', keyFile: 'x', clientCaFile: 'x', maxDownloads: 'x' },
    })
  })

  it.each<[string, Record<string, string>, ConfigSection, ConfigSection]>([
    [
      'an option',
      { WALR_ARCHIVE_STORAGE_FORCE_PATH_STYLE: 'true' },
      {},
      { archive: { storage: { forcePathStyle: 'true' } } },
    ],
    [
      'an option in the spelling of the file',
      { WALR_ARCHIVE_STORAGE_KMS_KEY_ID: 'x' },
      { archive: { storage: { kms_key_id: 'y' } } },
      { archive: { storage: { kms_key_id: 'x' } } },
    ],
    [
      'an option of an item',
      { WALR_ARCHIVE_CODECS_1_KEY: 'x' },
      { archive: { codecs: [{ use: 'zstd' }, { use: 'c' }] } },
      { archive: { codecs: [{ use: 'zstd' }, { use: 'c', key: 'x' }] } },
    ],
    [
      'an option of the default codec',
      { WALR_ARCHIVE_CODECS_0_LEVEL: '9' },
      {},
      { archive: { codecs: [{ use: 'zstd', level: '9' }] } },
    ],
    [
      'items that follow on a list',
      {
        WALR_ARCHIVE_CODECS_1_USE: 'b',
        WALR_ARCHIVE_CODECS: 'gzip, a',
        WALR_ARCHIVE_CODECS_2: 'c',
        WALR_ARCHIVE_CODECS_2_X: 'y',
      },
      { archive: { codecs: [{ use: 'zstd', level: 1 }] } },
      { archive: { codecs: [{ use: 'gzip' }, { use: 'b' }, { use: 'c', x: 'y' }] } },
    ],
    ['a list', { WALR_PLUGINS: 'a,b', WALR_PLUGINS_2: './c' }, { plugins: ['x'] }, { plugins: ['a', 'b', './c'] }],
    ['a keyword', { WALR_CONNECTION_APPLICATION_NAME: 'x' }, {}, { connection: { application_name: 'x' } }],
  ])('gives %s', (_what, environment, tree, expected) => {
    expect(applied(environment, tree)).toEqual(expected)
  })

  it('counts as not set when it is empty, and not at all when it is of no section', () => {
    const environment = {
      WALR_CLUSTER: '',
      WALR_RECEIVE_WRONG: '',
      WALR_CONFIG: '/x',
      WALR_NODE: '/node',
      WALR_BACKUP_SCHEDULE: 'x',
      WALR_ARCHIVE_SERVICE_HOST: '10.0.0.1',
      WALR_ARCHIVE_SERVICE_PORT_HTTPS: '443',
      WALR_ARCHIVE_PORT_443_TCP_ADDR: '10.0.0.1',
      WALR_ARCHIVE_PORT: 'tcp://10.0.0.1:443',
      WALRUS: 'x',
      PATH: '/bin',
    }
    expect(applied(environment)).toEqual({})
  })

  it.each([
    ['WALR_RECEIVE_SLTO', 'did you mean WALR_RECEIVE_SLOT?'],
    ['WALR_ARCHIVE_KEEPLOCAL', 'did you mean WALR_ARCHIVE_KEEP_LOCAL?'],
    ['WALR_CONNECTION_PASWORD', 'did you mean WALR_CONNECTION_PASSWORD?'],
    ['WALR_ARCHIVE_STORAGE', 'did you mean WALR_ARCHIVE_STORAGE_USE?'],
    ['WALR_PLUGINS_0_USE', 'belongs to no key'],
    ['WALR_ARCHIVE_CODECS_LEVEL', 'belongs to no key'],
  ])('%s is refused, with the nearest one and without its value', (name, text) => {
    const [message = '', ...more] = faultsOf({ [name]: 'geheim' })
    expect(more).toEqual([])
    expect(message).toContain(name)
    expect(message).toContain(text)
    expect(message).not.toContain('geheim')
  })

  it('that would leave a hole in a list is refused', () => {
    expect(faultsOf({ WALR_PLUGINS_1: 'x' })).toEqual([expect.stringContaining('environment variable WALR_PLUGINS_1')])
  })

  it('is named after the path', () => {
    expect(variableOf(['archive', 'codecs', 0, 'forcePathStyle'])).toBe('WALR_ARCHIVE_CODECS_0_FORCE_PATH_STYLE')
  })
})
