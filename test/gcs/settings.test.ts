import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { inspect } from 'node:util'
import { isStorageError, type HookContext, type Storage } from '@walr/core/plugin'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CertificateAuthority, readCertificate } from '../connection/certificates.ts'
import { startFakeGcs, type FakeGcs } from '../support/fake-gcs/fake-gcs.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { openAt } from './open-gcs-storage.ts'
import { recordedContext } from '../support/recorded-context.ts'
import { storageErrorWith } from '../support/storage-error-code.ts'
import { chunkedSource } from '../support/byte-source.ts'

const signal = new AbortController().signal
const SMALL = Buffer.from('walr')
const LARGE = Buffer.alloc(3 * 1024 ** 2, 'walr')

let scratch: Scratch
let server: FakeGcs
let secure: FakeGcs
let bucket: string
let secureBucket: string

beforeAll(async () => {
  scratch = makeScratch('gcs-settings')
  const authority = await CertificateAuthority.create(scratch.path, 'authority')
  const files = await authority.issue('server', { commonName: 'storage', subjectAltName: 'IP:127.0.0.1' })
  secure = await startFakeGcs({ tls: readCertificate(files) })
  server = await startFakeGcs()
  bucket = await server.createBucket()
  secureBucket = await secure.createBucket()
})
afterAll(async () => {
  await server.stop()
  await secure.stop()
  scratch.remove()
})

function put(storage: Storage, key: string, content: Buffer) {
  return storage.put(key, chunkedSource(content), { ifAbsent: true, signal })
}

async function expectRoundTrip(storage: Storage, key: string, content: Buffer): Promise<void> {
  expect(await put(storage, key, content)).toMatchObject({ size: content.length, checksum: { algorithm: 'crc32c' } })
  expect((await buffer(await storage.get(key, { signal }))).equals(content)).toBe(true)
  expect(await storage.head(key, { signal })).toMatchObject({ size: content.length })
}

/** Relative file names start in the scratch folder. */
function inScratch(): HookContext {
  return recordedContext({ baseDirectory: scratch.path })
}

describe('TLS', () => {
  it('trusts the authority in caFile, which is relative to the configuration', async () => {
    await using storage = await openAt(secure.endpoint, { bucket: secureBucket, caFile: 'authority.crt' }, inScratch())
    await expectRoundTrip(storage, 'tls/small', SMALL)
    await expectRoundTrip(storage, 'tls/large', LARGE)
  })

  it('refuses a server that nobody it knows has signed, and says what to do', async () => {
    await using storage = await openAt(secure.endpoint, { bucket: secureBucket })
    const failed = storage.head('tls/small', { signal })
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(failed).rejects.toThrow('caFile')
  })

  it('refuses a certificate of another host', async () => {
    const elsewhere = secure.endpoint.replace('127.0.0.1', 'localhost')
    await using storage = await openAt(elsewhere, { bucket: secureBucket, caFile: 'authority.crt' }, inScratch())
    await expect(storage.head('tls/small', { signal })).rejects.toThrow(storageErrorWith('Permanent'))
  })

  it('says which caFile cannot be read', async () => {
    const failed = openAt(secure.endpoint, { bucket: secureBucket, caFile: 'absent.crt' }, inScratch())
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(failed).rejects.toThrow(join(scratch.path, 'absent.crt'))
  })
})

describe('what new objects get', () => {
  it.each([
    ['one request', SMALL],
    ['chunks', LARGE],
  ])('is storage class and key of KMS as the options say (%s)', async (what, content) => {
    const kmsKeyName = 'projects/p/locations/eu/keyRings/r/cryptoKeys/k'
    await using storage = await openAt(server.endpoint, { bucket, prefix: 'pg', storageClass: 'NEARLINE', kmsKeyName })
    await expectRoundTrip(storage, what, content)
    expect(await server.command('inspect', { bucket, name: `pg/${what}` })).toMatchObject({
      size: content.length,
      contentType: 'application/octet-stream',
      storageClass: 'NEARLINE',
      kmsKeyName,
    })
  })

  it('is Permanent when the server does not know the storage class', async () => {
    await using storage = await openAt(server.endpoint, { bucket, storageClass: 'WARM' })
    await expect(put(storage, 'warm', SMALL)).rejects.toThrow(storageErrorWith('Permanent'))
  })
})

describe('the key of the customer', () => {
  const encryptionKey = Buffer.alloc(32, 'k').toString('base64')

  it('keeps objects readable with that key only, and is in no error', async () => {
    const options = { bucket: secureBucket, prefix: 'csek', caFile: 'authority.crt' }
    await using storage = await openAt(secure.endpoint, { ...options, encryptionKey }, inScratch())
    await expectRoundTrip(storage, 'small', SMALL)
    await expectRoundTrip(storage, 'large', LARGE)
    expect(await secure.command('inspect', { bucket: secureBucket, name: 'csek/large' })).toMatchObject({
      customerKey: expect.any(String) as string,
    })
    await using keyless = await openAt(secure.endpoint, options, inScratch())
    await expect(keyless.get('small', { signal })).rejects.toThrow(storageErrorWith('Permanent'))
    const other = Buffer.alloc(32, 'x').toString('base64')
    await using wrong = await openAt(secure.endpoint, { ...options, encryptionKey: other }, inScratch())
    const error: unknown = await wrong.get('small', { signal }).catch((reason: unknown) => reason)
    expect(isStorageError(error, 'Permanent')).toBe(true)
    expect(inspect(error, { depth: 9 })).not.toContain(other)
  })
})

describe('a bucket whose requester pays', () => {
  it('is charged to the project in the options, whatever is asked', async () => {
    const paid = await server.createBucket({ requesterPays: true })
    await using poor = await openAt(server.endpoint, { bucket: paid })
    const failed = put(poor, 'one', SMALL)
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(failed).rejects.toThrow('requester pays')
    await using storage = await openAt(server.endpoint, { bucket: paid, userProject: 'payer' })
    await expectRoundTrip(storage, 'small', SMALL)
    await expectRoundTrip(storage, 'large', LARGE)
    expect(await Array.fromAsync(storage.list('', { signal }))).toHaveLength(2)
    await storage.delete(['small', 'absent'], { signal })
    await expect(storage.head('small', { signal })).rejects.toThrow(storageErrorWith('NotFound'))
  })
})

describe('connections', () => {
  it('are no more than the options say', async () => {
    const before = await server.command('connections', undefined)
    await using storage = await openAt(server.endpoint, { bucket, maxConnections: '1' })
    await Promise.all(Array.from({ length: 6 }, (_, index) => put(storage, `connections/${index}`, SMALL)))
    expect(await server.command('connections', undefined)).toBeLessThanOrEqual(before + 1)
  })

  it('that the key file asks for are not made before the first operation', async () => {
    const keyFile = join(scratch.path, 'unread.json')
    await using storage = await openAt(server.endpoint, { bucket, keyFile })
    writeFileSync(keyFile, JSON.stringify(await server.command('keyFile', 'late@fake')))
    await expectRoundTrip(storage, 'late', SMALL)
  })
})
