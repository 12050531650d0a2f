import { writeFileSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import { join } from 'node:path'
import { GetObjectTaggingCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import type { ByteSource, HookContext, Storage } from '@walr/core/plugin'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createClient } from '../../packages/plugin-s3/src/client.ts'
import { parseOptions } from '../../packages/plugin-s3/src/options.ts'
import { CertificateAuthority, readCertificate } from '../connection/certificates.ts'
import { KMS_KEY } from '../support/radosgw/ceph-configuration.ts'
import { startRadosgw, type Radosgw } from '../support/radosgw/radosgw.ts'
import { startHttpFaultProxy, type HttpFaultProxy, type SeenRequest } from '../support/http-fault-proxy.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { openOnServer, type S3Server } from './open-s3-storage.ts'
import { recordedContext } from '../support/recorded-context.ts'
import { storageErrorWith } from '../support/storage-error-code.ts'

const signal = new AbortController().signal
const SMALL = Buffer.from('walr')
const LARGE = Buffer.alloc(6 * 1024 ** 2, 'walr')

let scratch: Scratch
let server: Radosgw
let secure: S3Server
let proxy: HttpFaultProxy
let admin: S3Client
let bucket: string

beforeAll(async () => {
  scratch = makeScratch('s3-settings')
  const authority = await CertificateAuthority.create(scratch.path, 'authority')
  const files = await authority.issue('server', { commonName: 'radosgw', subjectAltName: 'IP:127.0.0.1' })
  server = await startRadosgw({ tls: readCertificate(files) })
  secure = { ...server, endpoint: server.tlsEndpoint ?? '' }
  proxy = await startHttpFaultProxy(server.endpoint)
  admin = server.client()
  bucket = await server.createBucket()
})
afterEach(() => {
  proxy.clear()
  vi.unstubAllEnvs()
  vi.useRealTimers()
})
afterAll(async () => {
  admin.destroy()
  await proxy.stop()
  await server.stop()
  scratch.remove()
})

function source(content: Buffer): ByteSource {
  const open = async function* () {
    await Promise.resolve()
    yield content
  }
  return { size: content.length, open }
}

function put(storage: Storage, key: string, content: Buffer) {
  return storage.put(key, source(content), { ifAbsent: true, signal })
}

async function expectRoundTrip(storage: Storage, key: string, content: Buffer): Promise<void> {
  expect(await put(storage, key, content)).toMatchObject({ size: content.length })
  expect((await buffer(await storage.get(key, { signal }))).equals(content)).toBe(true)
  expect(await storage.head(key, { signal })).toMatchObject({ size: content.length })
}

function keysOf({ endpoint, accessKeyId, secretAccessKey }: S3Server) {
  return { endpoint, accessKeyId, secretAccessKey }
}

/** Relative file names start in the scratch folder. */
function inScratch(): HookContext {
  return recordedContext({ baseDirectory: scratch.path })
}

describe('TLS', () => {
  it('trusts the authority in caFile, which is relative to the configuration', async () => {
    await using storage = await openOnServer(secure, { bucket, caFile: 'authority.crt' }, inScratch())
    await expectRoundTrip(storage, 'tls/small', SMALL)
    await expectRoundTrip(storage, 'tls/large', LARGE)
  })

  it('refuses a server that nobody it knows has signed, and says what to do', async () => {
    await using storage = await openOnServer(secure, { bucket })
    const failed = storage.head('tls/small', { signal })
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(failed).rejects.toThrow('caFile')
  })

  it('refuses a certificate of another host', async () => {
    const elsewhere = { ...secure, endpoint: secure.endpoint.replace('127.0.0.1', 'localhost') }
    await using storage = await openOnServer(elsewhere, { bucket, caFile: 'authority.crt' }, inScratch())
    await expect(storage.head('tls/small', { signal })).rejects.toThrow(storageErrorWith('Permanent'))
  })

  it('says which caFile cannot be read', async () => {
    const failed = openOnServer(secure, { bucket, caFile: 'absent.crt' }, inScratch())
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(failed).rejects.toThrow(join(scratch.path, 'absent.crt'))
  })
})

describe('encryption by the server', () => {
  it('with the key of the customer keeps objects readable with that key only', async () => {
    const sseCustomerKey = Buffer.alloc(32, 'k').toString('base64')
    const options = { bucket, prefix: 'sse-c', caFile: 'authority.crt' }
    await using storage = await openOnServer(secure, { ...options, sseCustomerKey }, inScratch())
    await expectRoundTrip(storage, 'small', SMALL)
    await expectRoundTrip(storage, 'large', LARGE)
    await using keyless = await openOnServer(secure, options, inScratch())
    await expect(keyless.get('small', { signal })).rejects.toThrow(storageErrorWith('Permanent'))
  })

  it('with a key of KMS is confirmed without taking the ETag for an MD5', async () => {
    const options = { bucket, prefix: 'kms', sseAlgorithm: 'aws:kms', kmsKeyId: KMS_KEY.id, caFile: 'authority.crt' }
    await using storage = await openOnServer(secure, options, inScratch())
    await expectRoundTrip(storage, 'small', SMALL)
    await expectRoundTrip(storage, 'large', LARGE)
    const client = await createClient(parseOptions({ ...keysOf(secure), ...options }), inScratch())
    const head = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: 'kms/small' }))
    client.destroy()
    expect(head).toMatchObject({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: KMS_KEY.id })
  })
})

describe('what new objects get', () => {
  it('is a lock that is counted from the moment of the put, and tags', async () => {
    const locked = await server.createBucket({ objectLock: true })
    const now = new Date('2030-01-01T12:00:00Z')
    // a bucket with locks has versions, and there this server ignores the condition: it keeps the older version
    const conditionalWrites = false
    const options = {
      conditionalWrites,
      objectLockMode: 'GOVERNANCE',
      objectLockDays: 30,
      objectLockLegalHold: true,
      tags: 'a=1&b=x y',
    }
    const context = recordedContext({ now: () => now })
    await using storage = await openOnServer(server, { bucket: locked, ...options }, context)
    await put(storage, 'locked', SMALL)
    const address = { Bucket: locked, Key: 'locked' }
    expect(await admin.send(new HeadObjectCommand(address))).toMatchObject({
      ObjectLockMode: 'GOVERNANCE',
      ObjectLockRetainUntilDate: new Date('2030-01-31T12:00:00Z'),
      ObjectLockLegalHoldStatus: 'ON',
    })
    const { TagSet } = await admin.send(new GetObjectTaggingCommand(address))
    expect(TagSet).toEqual([
      { Key: 'a', Value: '1' },
      { Key: 'b', Value: 'x y' },
    ])
  })

  it.each([
    ['one part', SMALL],
    ['several parts, which radosgw does not lock', LARGE],
  ])('is asked for as the options say (%s)', async (_what, content) => {
    const place = { bucket, storageClass: 'STANDARD_IA', sseAlgorithm: 'AES256', sessionToken: 'token' }
    const lock = { objectLockMode: 'COMPLIANCE', objectLockDays: '1', objectLockLegalHold: 'true', tags: { a: 'ä b' } }
    const context = recordedContext({ now: () => new Date('2030-01-01T12:00:00Z') })
    await using storage = await openOnServer({ ...server, endpoint: proxy.endpoint }, { ...place, ...lock }, context)
    const isCreation = ({ path }: SeenRequest): boolean => /\/new(\?|$)/.test(path)
    proxy.inject({ when: isCreation, action: { status: 503 } })
    const stored = storage.put('new', source(content), { ifAbsent: false, signal })
    await expect(stored).rejects.toThrow(storageErrorWith('Transient'))
    expect(proxy.requests.find(isCreation)?.headers).toMatchObject({
      'x-amz-storage-class': 'STANDARD_IA',
      'x-amz-server-side-encryption': 'AES256',
      'x-amz-security-token': 'token',
      'x-amz-object-lock-mode': 'COMPLIANCE',
      'x-amz-object-lock-retain-until-date': '2030-01-02T12:00:00Z',
      'x-amz-object-lock-legal-hold': 'ON',
      'x-amz-tagging': 'a=%C3%A4%20b',
    })
  })
})

describe('credentials', () => {
  const keyless = { accessKeyId: undefined, secretAccessKey: undefined, region: 'default' }

  it('come from a profile', async () => {
    const file = join(scratch.path, 'credentials')
    const { accessKeyId, secretAccessKey, endpoint } = server
    writeFileSync(file, `[wal]\naws_access_key_id=${accessKeyId}\naws_secret_access_key=${secretAccessKey}\n`)
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file)
    await using storage = await openOnServer(server, { bucket, endpoint, ...keyless, profile: 'wal' })
    await expectRoundTrip(storage, 'profile', SMALL)
    await using wrong = await openOnServer(server, { bucket, endpoint, ...keyless, profile: 'other' })
    await expect(wrong.head('profile', { signal })).rejects.toThrow(storageErrorWith('AccessDenied'))
  })

  it('come from the environment', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', server.accessKeyId)
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', server.secretAccessKey)
    await using storage = await openOnServer(server, { bucket, ...keyless })
    await expectRoundTrip(storage, 'environment', SMALL)
  })

  it('of a role are asked for with its external id', async () => {
    await using sts = await startHttpFaultProxy(server.endpoint)
    const { accessKeyId, secretAccessKey } = server
    const role = { roleArn: 'arn:aws:iam::123456789012:role/walr', externalId: 'outside', sessionName: 'wal' }
    const keys = `<AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>${secretAccessKey}</SecretAccessKey>`
    const rest = '<SessionToken></SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>'
    const credentials = `<Credentials>${keys}${rest}</Credentials>`
    const body = `<AssumeRoleResponse><AssumeRoleResult>${credentials}</AssumeRoleResult></AssumeRoleResponse>`
    sts.inject({ when: () => true, action: { status: 200, body } })
    vi.stubEnv('AWS_ENDPOINT_URL_STS', sts.endpoint)
    await using storage = await openOnServer(server, { bucket, assumeRole: role })
    await put(storage, 'role', SMALL)
    expect(sts.count('POST')).toBe(1)
  })

  it('that are wrong are AccessDenied for every kind of request', async () => {
    await using storage = await openOnServer({ ...server, secretAccessKey: 'wrong' }, { bucket })
    await expect(storage.head('x', { signal })).rejects.toThrow(storageErrorWith('AccessDenied'))
    await expect(storage.get('x', { signal })).rejects.toThrow(storageErrorWith('AccessDenied'))
    await expect(put(storage, 'x', SMALL)).rejects.toThrow(storageErrorWith('AccessDenied'))
    await expect(storage.delete(['x'], { signal })).rejects.toThrow(storageErrorWith('AccessDenied'))
    await expect(Array.fromAsync(storage.list('', { signal }))).rejects.toThrow(storageErrorWith('AccessDenied'))
  })

  it('hold at the second try when the clock of this machine is wrong', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 })
    await using storage = await openOnServer(server, { bucket })
    const failed = Array.fromAsync(storage.list('', { signal }))
    await expect(failed).rejects.toThrow(storageErrorWith('Transient'))
    await expect(failed).rejects.toThrow('clock')
    await expect(Array.fromAsync(storage.list('', { signal }))).resolves.toBeDefined()
  })
})
