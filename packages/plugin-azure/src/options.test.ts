import { isOptionsError, type OptionsError } from '@walr/core/plugin'
import { describe, expect, it } from 'vitest'
import { optionDescriptions } from './option-descriptions.ts'
import { optionsSchema } from './options-schema.ts'
import { parseOptions } from './options.ts'

function faultsOf(input: Readonly<Record<string, unknown>>): OptionsError['faults'] {
  try {
    parseOptions(input)
  } catch (error) {
    if (isOptionsError(error)) return error.faults
    throw error
  }
  return []
}

const pathsOf = (input: Readonly<Record<string, unknown>>): readonly string[] => faultsOf(input).map(({ path }) => path)

const account = { accountName: 'backups', container: 'wal' }
const SAS = 'sv=2025-01-01&sp=rl&sig=abc%3D'

describe('options of Azure', () => {
  it('need an account and a container only, and ask the default credentials then', () => {
    expect(parseOptions(account)).toMatchObject({
      prefix: '',
      blockSize: 20 * 1024 ** 2,
      blockConcurrency: 2,
      maxConnections: 16,
      place: {
        containerUrl: 'https://backups.blob.core.windows.net/wal',
        container: 'wal',
        authorization: { kind: 'token', credential: 'default' },
      },
    })
    expect(pathsOf({})).toEqual(['container', 'accountName'])
  })

  it('may come as text from the environment', () => {
    const text = { blockSize: '8MiB', blockConcurrency: '3', maxConnections: '4', requestTimeoutMs: '500' }
    expect(parseOptions({ ...account, ...text })).toMatchObject({
      blockSize: 8 * 1024 ** 2,
      blockConcurrency: 3,
      maxConnections: 4,
      requestTimeoutMs: 500,
    })
  })

  it.each<[string, Readonly<Record<string, unknown>>, string, unknown]>([
    [
      'a key',
      { ...account, accountKey: 'a2V5' },
      'https://backups.blob.core.windows.net/wal',
      { kind: 'key', accountName: 'backups', accountKey: 'a2V5' },
    ],
    [
      'a SAS',
      { ...account, sasToken: `?${SAS}` },
      'https://backups.blob.core.windows.net/wal',
      { kind: 'sas', token: SAS },
    ],
    [
      'the URL of a container',
      { containerUrl: `https://backups.blob.core.windows.net/wal?${SAS}` },
      'https://backups.blob.core.windows.net/wal',
      { kind: 'sas', token: SAS },
    ],
    [
      'a connection string',
      {
        container: 'wal',
        connectionString:
          'DefaultEndpointsProtocol=https;AccountName=a1b;AccountKey=a2V5==;EndpointSuffix=core.example.net',
      },
      'https://a1b.blob.core.example.net/wal',
      { kind: 'key', accountName: 'a1b', accountKey: 'a2V5==' },
    ],
    [
      'a connection string with a SAS',
      { container: 'wal', connectionString: `BlobEndpoint=https://x.example.com/;SharedAccessSignature=${SAS}` },
      'https://x.example.com/wal',
      { kind: 'sas', token: SAS },
    ],
    [
      'a managed identity at another endpoint',
      {
        container: 'wal',
        endpoint: 'https://backups.blob.core.usgovcloudapi.net/',
        credential: 'managed-identity',
        clientId: 'id',
      },
      'https://backups.blob.core.usgovcloudapi.net/wal',
      { kind: 'token', credential: 'managed-identity', clientId: 'id' },
    ],
  ])('know the place and the way in from %s', (_what, input, containerUrl, authorization) => {
    expect(parseOptions(input).place).toEqual({ containerUrl, container: 'wal', authorization })
  })

  it('take a prefix with or without slashes around it, and none that Azure changes', () => {
    for (const prefix of ['pg/prod', '/pg/prod', 'pg/prod/']) {
      expect(parseOptions({ ...account, prefix }).prefix).toBe('pg/prod')
    }
    for (const prefix of ['pg.', 'pg./prod', 'a\\b', 'a/../b'])
      expect(pathsOf({ ...account, prefix })).toEqual(['prefix'])
  })

  it('tell all faults at once, each with its path and the value', () => {
    const faults = faultsOf({
      containr: 'x',
      blockSize: '1KiB',
      endpoint: 'ftp://x',
      accessTier: 'Archive',
      accountName: 'A',
    })
    const at = (path: string): string => faults.find((fault) => fault.path === path)?.message ?? ''
    expect(faults.map(({ path }) => path).sort()).toEqual(
      ['accessTier', 'accountName', 'blockSize', 'container', 'containr', 'endpoint'].sort(),
    )
    expect(at('containr')).toContain('did you mean "container"?')
    expect(at('blockSize')).toContain('it is "1KiB"')
    expect(at('accessTier')).toMatch(/"Hot" or "Cool" or "Cold".*it is "Archive"/)
  })

  it.each<[string, Readonly<Record<string, unknown>>, string]>([
    ['two ways in', { ...account, accountKey: 'a2V5', sasToken: SAS }, 'sasToken'],
    ['a credential beside a key', { ...account, accountKey: 'a2V5', credential: 'default' }, 'credential'],
    [
      'a key without its account',
      { container: 'wal', endpoint: 'https://x.example.com', accountKey: 'a2V5' },
      'accountName',
    ],
    ['a client id beside a key', { ...account, accountKey: 'a2V5', clientId: 'id' }, 'clientId'],
    ['a container twice', { container: 'wal', containerUrl: `https://x.example.com/wal?${SAS}` }, 'container'],
    [
      'an account beside a connection string',
      { ...account, connectionString: 'BlobEndpoint=https://x.example.com;SharedAccessSignature=sig=1' },
      'accountName',
    ],
    ['a token without TLS', { container: 'wal', endpoint: 'http://x.example.com' }, 'endpoint'],
    [
      'a customer key without TLS',
      { ...account, accountKey: 'a2V5', endpoint: 'http://x.example.com', customerProvidedKey: `${'A'.repeat(43)}=` },
      'customerProvidedKey',
    ],
    ['a customer key of another length', { ...account, customerProvidedKey: 'AAAA' }, 'customerProvidedKey'],
    [
      'a customer key beside a scope',
      { ...account, encryptionScope: 's', customerProvidedKey: `${'A'.repeat(43)}=` },
      'customerProvidedKey',
    ],
    ['a name that no container has', { ...account, container: 'Backups' }, 'container'],
    ['a key that is not base64', { ...account, accountKey: 'no key!' }, 'accountKey'],
    ['a SAS without a signature', { ...account, sasToken: 'sv=1&sp=r' }, 'sasToken'],
    ['a URL without a SAS', { containerUrl: 'https://x.example.com/wal' }, 'containerUrl'],
    ['a URL without a container', { containerUrl: `https://x.example.com/?${SAS}` }, 'containerUrl'],
    ['no URL', { containerUrl: 'wal?sig=1' }, 'containerUrl'],
    [
      'a connection string without key and SAS',
      { container: 'wal', connectionString: 'AccountName=abc' },
      'connectionString',
    ],
    [
      'a connection string without an account',
      { container: 'wal', connectionString: 'AccountKey=a2V5' },
      'connectionString',
    ],
    ['no connection string', { container: 'wal', connectionString: 'abc' }, 'connectionString'],
    [
      'the emulator by its short name',
      { container: 'wal', connectionString: 'UseDevelopmentStorage=true' },
      'connectionString',
    ],
  ])('refuse %s', (_what, input, path) => {
    expect(pathsOf(input)).toEqual([path])
  })

  it('show no secret in a fault', () => {
    const secret = 'sEcReT'
    const inputs = [
      { ...account, accountKey: `${secret}!` },
      { ...account, sasToken: secret },
      { ...account, customerProvidedKey: secret },
      { container: 'wal', connectionString: `AccountName=abc;AccountKay=${secret}` },
      { container: 'wal', connectionString: secret },
      { containerUrl: `https://x.example.com/?sig=${secret}` },
      { containerUrl: `https://${secret}@x.example.com/wal?sig=1` },
    ]
    for (const input of inputs) {
      const faults = faultsOf(input)
      expect(faults.length).toBeGreaterThan(0)
      expect(JSON.stringify(faults)).not.toContain(secret)
    }
  })

  it('are described, all of them', () => {
    expect(optionDescriptions.map(({ name }) => name).sort()).toEqual(Object.keys(optionsSchema.shape).sort())
  })
})
