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

const key = Buffer.alloc(32).toString('base64')

describe('options of Google Cloud Storage', () => {
  it('need a bucket only', () => {
    expect(parseOptions({ bucket: 'backups' })).toEqual({
      bucket: 'backups',
      prefix: '',
      anonymous: false,
      endpoint: 'https://storage.googleapis.com',
      chunkSize: 20 * 1024 ** 2,
      maxConnections: 16,
      connectTimeoutMs: 10_000,
      requestTimeoutMs: 30_000,
    })
    expect(faultsOf({})).toEqual([expect.objectContaining({ path: 'bucket' })])
  })

  it('may come as text from the environment', () => {
    const text = { anonymous: 'true', chunkSize: '8MiB', maxConnections: '3', endpoint: 'http://127.0.0.1:4443/' }
    expect(parseOptions({ bucket: 'backups', prefix: '/pg/prod/', ...text })).toMatchObject({
      anonymous: true,
      chunkSize: 8 * 1024 ** 2,
      maxConnections: 3,
      prefix: 'pg/prod',
    })
  })

  it('tell all faults at once, each with its path and the value', () => {
    const faults = faultsOf({ buckett: 'x', chunkSize: '300KiB', endpoint: 'ftp://x', kmsKeyName: 'k' })
    expect(faults.map(({ path }) => path).sort()).toEqual(['bucket', 'buckett', 'chunkSize', 'endpoint', 'kmsKeyName'])
    expect(faults.find(({ path }) => path === 'chunkSize')?.message).toMatch(/256KiB.*"300KiB"/)
    expect(faults.find(({ path }) => path === 'buckett')?.message).toContain('did you mean "bucket"')
  })

  it.each<[Readonly<Record<string, unknown>>, string]>([
    [{ bucket: 'Backups' }, 'bucket'],
    [{ bucket: 'a/b' }, 'bucket'],
    [{ anonymous: true, keyFile: 'key.json' }, 'keyFile'],
    [{ anonymous: 'true', keyFile: 'key.json' }, 'keyFile'],
    [{ encryptionKey: key, kmsKeyName: 'projects/p/locations/l/keyRings/r/cryptoKeys/k' }, 'kmsKeyName'],
    [{ encryptionKey: key, endpoint: 'http://127.0.0.1:4443' }, 'encryptionKey'],
    [{ encryptionKey: 'short' }, 'encryptionKey'],
    [{ storageClass: 'very cold' }, 'storageClass'],
    [{ chunkSize: 0 }, 'chunkSize'],
    [{ chunkSize: '2GiB' }, 'chunkSize'],
    [{ maxConnections: 0 }, 'maxConnections'],
    [{ endpoint: 'https://user:pass@example.com' }, 'endpoint'],
    [{ prefix: 'a/../b' }, 'prefix'],
  ])('of %o have a fault at %s', (options, path) => {
    expect(faultsOf({ bucket: 'backups', ...options }).map((fault) => fault.path)).toContain(path)
  })

  it('may say that credentials are wanted', () => {
    expect(faultsOf({ bucket: 'backups', anonymous: false, keyFile: 'key.json' })).toEqual([])
  })

  it('never show a secret', () => {
    expect(JSON.stringify(faultsOf({ bucket: 'backups', encryptionKey: 'vErYsEcReT' }))).not.toContain('vErYsEcReT')
  })

  it('are described, each of them, and nothing else', () => {
    expect(optionDescriptions.map(({ name }) => name).sort()).toEqual(Object.keys(optionsSchema.shape).sort())
    expect(optionDescriptions.filter(({ secret }) => secret).map(({ name }) => name)).toEqual(['encryptionKey'])
  })
})
