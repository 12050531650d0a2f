import { isOptionsError, type OptionsError } from '@walr/core/plugin'
import { describe, expect, it } from 'vitest'
import { optionDescriptions } from './option-descriptions.ts'
import { parseOptions } from './options.ts'
import { optionsSchema } from './options-schema.ts'

function faultsOf(input: Readonly<Record<string, unknown>>): OptionsError['faults'] {
  try {
    parseOptions(input)
  } catch (error) {
    if (isOptionsError(error)) return error.faults
    throw error
  }
  return []
}

describe('options of S3', () => {
  it('need a bucket only', () => {
    expect(parseOptions({ bucket: 'backups' })).toMatchObject({
      bucket: 'backups',
      prefix: '',
      forcePathStyle: false,
      conditionalWrites: true,
      checksumAlgorithm: 'CRC32',
      partSize: 20 * 1024 ** 2,
      partConcurrency: 2,
    })
    expect(faultsOf({})).toEqual([expect.objectContaining({ path: 'bucket' })])
  })

  it('may come as text from the environment', () => {
    const text = { forcePathStyle: 'false', partSize: '8MiB', partConcurrency: '3', conditionalWrites: 'false' }
    expect(
      parseOptions({ bucket: 'b-1', endpoint: 'http://127.0.0.1:9000', ...text, tags: 'a=1&b=x%20y' }),
    ).toMatchObject({
      forcePathStyle: false,
      partSize: 8 * 1024 ** 2,
      partConcurrency: 3,
      conditionalWrites: false,
      tags: { a: '1', b: 'x y' },
    })
  })

  it('put the bucket into the path where the endpoint is not AWS', () => {
    expect(parseOptions({ bucket: 'b-1', endpoint: 'https://s3.example.com' }).forcePathStyle).toBe(true)
  })

  it('take a prefix with or without slashes around it', () => {
    for (const prefix of ['pg/prod', '/pg/prod', 'pg/prod/']) {
      expect(parseOptions({ bucket: 'b-1', prefix }).prefix).toBe('pg/prod')
    }
  })

  it('tell all faults at once, each with its path and the value', () => {
    const faults = faultsOf({ buckett: 'x', partSize: '1MiB', endpoint: 'ftp://x', prefix: 'a/../b', tags: 5 })
    expect(faults.map(({ path }) => path).sort()).toEqual([
      'bucket',
      'buckett',
      'endpoint',
      'partSize',
      'prefix',
      'tags',
    ])
    expect(faults.find(({ path }) => path === 'partSize')?.message).toContain('"1MiB"')
  })

  it('name the nearest option for an unknown one, also in a role', () => {
    expect(faultsOf({ bucket: 'b-1', regoin: 'x' })).toEqual([
      { path: 'regoin', message: 'there is no such option; did you mean "region"?' },
    ])
    expect(faultsOf({ bucket: 'b-1', assumeRole: { roleArn: 'arn:x', externalID: 'y' } })).toEqual([
      { path: 'assumeRole.externalID', message: 'there is no such option; did you mean "externalId"?' },
    ])
    expect(faultsOf({ bucket: 'b-1', somethingElse: 1 })[0]?.message).toBe('there is no such option')
  })

  it.each<[Readonly<Record<string, unknown>>, string]>([
    [{ accessKeyId: 'a' }, 'secretAccessKey'],
    [{ secretAccessKey: 'a' }, 'accessKeyId'],
    [{ sessionToken: 'a' }, 'accessKeyId'],
    [{ accessKeyId: 'a', secretAccessKey: 'b', profile: 'c' }, 'profile'],
    [{ objectLockMode: 'GOVERNANCE' }, 'objectLockDays'],
    [{ objectLockDays: 5 }, 'objectLockMode'],
    [{ kmsKeyId: 'a' }, 'kmsKeyId'],
    [{ kmsKeyId: 'a', sseAlgorithm: 'AES256' }, 'kmsKeyId'],
    [{ sseCustomerKey: Buffer.alloc(32).toString('base64'), sseAlgorithm: 'AES256' }, 'sseCustomerKey'],
    [{ sseCustomerKey: Buffer.alloc(32).toString('base64'), endpoint: 'http://x' }, 'sseCustomerKey'],
    [{ sseCustomerKey: 'short' }, 'sseCustomerKey'],
    [{ requestChecksumCalculation: 'never' }, 'requestChecksumCalculation'],
    [{ partConcurrency: 0 }, 'partConcurrency'],
    [{ endpoint: 'https://user:pass@example.com' }, 'endpoint'],
    [{ assumeRole: {} }, 'assumeRole.roleArn'],
  ])('of %o have a fault at %s', (options, path) => {
    expect(faultsOf({ bucket: 'b-1', ...options }).map((fault) => fault.path)).toContain(path)
  })

  it('never show a secret', () => {
    const secret = 'vErYsEcReT'
    const wrong = { accessKeyId: 5, secretAccessKey: { secret }, sessionToken: [secret], sseCustomerKey: secret }
    expect(JSON.stringify(faultsOf({ bucket: 'b-1', ...wrong }))).not.toContain(secret)
  })

  it('are described, each of them, and nothing else', () => {
    const { assumeRole, ...flat } = optionsSchema.shape
    const nested = Object.keys(assumeRole.unwrap().shape).map((name) => `assumeRole.${name}`)
    const described = optionDescriptions.map(({ name }) => name)
    expect(described.toSorted()).toEqual([...Object.keys(flat), ...nested].sort())
    const secrets = optionDescriptions.filter(({ secret }) => secret).map(({ name }) => name)
    expect(secrets).toEqual(['secretAccessKey', 'sessionToken', 'assumeRole.externalId', 'sseCustomerKey'])
  })
})
