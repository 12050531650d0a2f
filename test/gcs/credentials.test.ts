import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { isStorageError, type HookContext, type Storage, type StorageErrorCode } from '@walr/core/plugin'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { startFakeGcs, type FakeGcs } from '../support/fake-gcs/fake-gcs.ts'
import { freePort } from '../support/free-port.ts'
import { startHttpFaultProxy, type FaultAction, type HttpFaultProxy } from '../support/http-fault-proxy.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { waitFor, within } from '../support/wait-for.ts'
import { patienceFor } from './gcs-requests.ts'
import { openAt } from './open-gcs-storage.ts'
import { recordedContext } from '../support/recorded-context.ts'
import { storageErrorWith } from '../support/storage-error-code.ts'
import { chunkedSource } from '../support/byte-source.ts'

const ACCOUNT = 'walr@fake.iam.gserviceaccount.com'
const OTHER = 'other@fake.iam.gserviceaccount.com'
const signal = new AbortController().signal

let server: FakeGcs
/** In front of what gives tokens. */
let proxy: HttpFaultProxy
let scratch: Scratch
let bucket: string

beforeAll(async () => {
  server = await startFakeGcs()
  proxy = await startHttpFaultProxy(server.tokenOrigin)
  scratch = makeScratch('gcs-credentials')
  bucket = await server.createBucket({ accounts: [ACCOUNT] })
})
beforeEach(() => {
  // what the machine of the tests has is not asked for
  vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', '')
  vi.stubEnv('CLOUDSDK_CONFIG', join(scratch.path, 'absent'))
  vi.stubEnv('GCE_METADATA_HOST', new URL(server.tokenOrigin).host)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  proxy.clear()
  await server.command('setMachineAccount', undefined)
  await server.command('setTokenLifetime', 3600)
})
afterAll(async () => {
  await proxy.stop()
  await server.stop()
  scratch.remove()
})

type Json = Readonly<Record<string, unknown>>

function write(name: string, content: Json | string): string {
  const path = join(scratch.path, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

async function keyFile(account = ACCOUNT): Promise<Json> {
  return server.command('keyFile', account)
}

/** A key file whose tokens come through the proxy. */
async function keyFileByProxy(): Promise<string> {
  return write('by-proxy.json', { ...(await keyFile()), token_uri: `${proxy.endpoint}/token` })
}

function open(options: Json = {}, context?: HookContext): Promise<Storage> {
  return openAt(server.endpoint, { bucket, anonymous: false, ...options }, context)
}

async function expectAccess(storage: Storage): Promise<void> {
  await storage.put('object', chunkedSource(Buffer.from('walr')), { ifAbsent: false, signal })
  expect(await storage.head('object', { signal })).toMatchObject({ size: 4 })
}

const ask = (storage: Storage, by = signal) => storage.head('object', { signal: by })

/** Workload identity federation with an identity that lies in a file. */
function federation(subjectToken: string, more: Json = {}): Json {
  return {
    type: 'external_account',
    audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `${proxy.endpoint}/v1/token`,
    credential_source: { file: write('subject', subjectToken) },
    ...more,
  }
}

describe('the key file of a service account', () => {
  it('gives one token for many requests, also when they come at once', async () => {
    write('relative.json', await keyFile())
    const before = await server.command('tokensGiven', undefined)
    await using storage = await open({ keyFile: 'relative.json' }, recordedContext({ baseDirectory: scratch.path }))
    await Promise.all(Array.from({ length: 8 }, () => expectAccess(storage)))
    expect(await server.command('tokensGiven', undefined)).toBe(before + 1)
  })

  it('gives another token when the server withdrew the one that is known', async () => {
    await using storage = await open({ keyFile: write('key.json', await keyFile()) })
    await expectAccess(storage)
    await server.command('withdrawTokens', undefined)
    await expectAccess(storage)
  })

  it('gives another token some minutes before the one that is known ends', async () => {
    await server.command('setTokenLifetime', 200)
    const before = await server.command('tokensGiven', undefined)
    await using storage = await open({ keyFile: write('key.json', await keyFile()) })
    await expectAccess(storage)
    expect(await server.command('tokensGiven', undefined)).toBe(before + 2)
  })

  it('may be replaced while the storage is open', async () => {
    const path = write('replaced.json', await keyFile(OTHER))
    await using storage = await open({ keyFile: path })
    await expect(ask(storage)).rejects.toThrow(storageErrorWith('AccessDenied'))
    write('replaced.json', await keyFile())
    await server.command('withdrawTokens', undefined)
    await expectAccess(storage)
  })

  it('charges the project that it names', async () => {
    await using storageProxy = await startHttpFaultProxy(server.endpoint)
    const path = write('quota.json', { ...(await keyFile()), quota_project_id: 'payer' })
    await using storage = await openAt(storageProxy.endpoint, { bucket, keyFile: path })
    await expectAccess(storage)
    expect(storageProxy.requests.map(({ headers }) => headers['x-goog-user-project'])).toEqual(['payer', 'payer'])
  })

  it.each<[string, () => Promise<Json | string>]>([
    ['has a key that the account does not have', async () => ({ ...(await keyFile()), private_key: anotherKey() })],
    ['has something else as a key', async () => ({ ...(await keyFile()), private_key: 'vErYsEcReT' })],
    ['is cut', async () => JSON.stringify(await keyFile()).slice(0, 300)],
    ['lacks the account', async () => ({ ...(await keyFile()), client_email: undefined })],
    ['is of a type that nobody knows', async () => ({ ...(await keyFile()), type: 'unheard_of' })],
  ])('is AccessDenied when it %s, and the error shows no secret', async (_what, content) => {
    const text = await content()
    const context = recordedContext()
    await using storage = await open({ keyFile: write('wrong.json', text) }, context)
    const error: unknown = await ask(storage).catch((reason: unknown) => reason)
    expect(isStorageError(error, 'AccessDenied')).toBe(true)
    expect(inspect(error, { depth: 9 }) + context.lines.join()).not.toMatch(/PRIVATE KEY|vErYsEcReT|assertion/)
    expect(String(error)).toContain('wrong.json')
  })

  it('is AccessDenied when there is none', async () => {
    await using storage = await open({ keyFile: join(scratch.path, 'none.json') })
    await expect(ask(storage)).rejects.toThrow(storageErrorWith('AccessDenied'))
  })
})

describe('application default credentials', () => {
  it('come from the file that the environment names', async () => {
    vi.stubEnv('GOOGLE_APPLICATION_CREDENTIALS', write('named.json', await keyFile()))
    await using storage = await open()
    await expectAccess(storage)
  })

  it('come from the user who logged in with gcloud', async () => {
    const folder = join(scratch.path, 'gcloud')
    mkdirSync(folder, { recursive: true })
    vi.stubEnv('CLOUDSDK_CONFIG', folder)
    const refresh_token = await server.command('refreshToken', ACCOUNT)
    const client = { client_id: 'id', client_secret: 'vErYsEcReT', token_uri: `${server.tokenOrigin}/token` }
    const user = { type: 'authorized_user', ...client, refresh_token }
    write('gcloud/application_default_credentials.json', user)
    await using storage = await open()
    await expectAccess(storage)
    write('gcloud/application_default_credentials.json', { ...user, refresh_token: '1//vErYsEcReT' })
    await using loggedOut = await open()
    const error: unknown = await ask(loggedOut).catch((reason: unknown) => reason)
    expect(isStorageError(error, 'AccessDenied')).toBe(true)
    expect(inspect(error, { depth: 9 })).not.toContain('vErYsEcReT')
    expect(String(error)).toContain('invalid_grant')
  })

  it('come from the machine, the pod or the service', async () => {
    await server.command('setMachineAccount', ACCOUNT)
    await using storage = await open()
    await expectAccess(storage)
  })

  it('are AccessDenied, and say what to do, when there are none', async () => {
    await using storage = await open()
    const failed = ask(storage)
    await expect(failed).rejects.toThrow(storageErrorWith('AccessDenied'))
    await expect(failed).rejects.toThrow(/no credentials were found: set "keyFile"/)
  })

  it('are Transient while a metadata server that was named does not answer', async () => {
    vi.stubEnv('GCE_METADATA_HOST', new URL(proxy.endpoint).host)
    proxy.inject({ when: () => true, action: 'hang' })
    await using storage = await open(patienceFor('hang'))
    await expect(within('the answer', 10_000, ask(storage))).rejects.toThrow(storageErrorWith('Transient'))
    vi.stubEnv('GCE_METADATA_HOST', `127.0.0.1:${await freePort()}`)
    await expect(ask(storage)).rejects.toThrow(storageErrorWith('Transient'))
  })
})

describe('workload identity federation', () => {
  it('exchanges an identity, and prints nothing', async () => {
    const printed = [vi.spyOn(console, 'warn'), vi.spyOn(console, 'log'), vi.spyOn(process, 'emitWarning')]
    const path = write('federated.json', federation(await server.command('subjectToken', ACCOUNT)))
    await using storage = await open({ keyFile: path })
    await expectAccess(storage)
    await expectAccess(storage)
    expect(proxy.requests.map((seen) => seen.path)).toEqual(['/v1/token'])
    for (const spy of printed) expect(spy).not.toHaveBeenCalled()
  })

  it('acts as a service account when the file says so', async () => {
    const url = `${proxy.endpoint}/v1/projects/-/serviceAccounts/${ACCOUNT}:generateAccessToken`
    const more = { service_account_impersonation_url: url }
    const path = write('acting.json', federation(await server.command('subjectToken', OTHER), more))
    await using storage = await open({ keyFile: path })
    await expectAccess(storage)
    expect(proxy.requests).toHaveLength(2)
  })

  it.each<[string, FaultAction, StorageErrorCode]>([
    ['refuses', { status: 400, body: '{"error":"invalid_grant"}' }, 'AccessDenied'],
    ['is in trouble', { status: 503, headers: { 'retry-after': '9' } }, 'Transient'],
    ['cuts the connection', 'reset', 'Transient'],
    ['does not answer', 'hang', 'Transient'],
  ])('is asked once, and shows no secret, when STS %s', async (_what, action, wanted) => {
    const path = write('federated.json', federation('vErYsEcReT'))
    proxy.inject({ when: () => true, action })
    await using storage = await open({ keyFile: path, ...patienceFor(action) })
    const error: unknown = await ask(storage).catch((reason: unknown) => reason)
    expect(isStorageError(error, wanted)).toBe(true)
    expect(inspect(error, { depth: 9 })).not.toContain('vErYsEcReT')
    expect(proxy.requests).toHaveLength(1)
  })

  it('is AccessDenied when the identity is absent', async () => {
    const gone = { credential_source: { file: join(scratch.path, 'gone') } }
    await using storage = await open({ keyFile: write('gone.json', federation('x', gone)) })
    await expect(ask(storage)).rejects.toThrow(storageErrorWith('AccessDenied'))
  })
})

describe('a user of workforce identity federation', () => {
  it('gets a token for the login', async () => {
    const refresh_token = await server.command('refreshToken', ACCOUNT)
    const client = { client_id: 'id', client_secret: 'secret', token_url: `${server.tokenOrigin}/v1/oauthtoken` }
    const path = write('workforce.json', { type: 'external_account_authorized_user', ...client, refresh_token })
    await using storage = await open({ keyFile: path })
    await expectAccess(storage)
  })
})

describe('an account that acts as another one', () => {
  it('gets the token of the other one', async () => {
    const service_account_impersonation_url = `${server.tokenOrigin}/v1/projects/-/serviceAccounts/${ACCOUNT}:generateAccessToken`
    const source_credentials = await keyFile(OTHER)
    const file = { type: 'impersonated_service_account', service_account_impersonation_url, source_credentials }
    await using storage = await open({ keyFile: write('acting-as.json', file) })
    await expectAccess(storage)
  })
})

describe('a server of tokens', () => {
  it.each<[string, FaultAction, StorageErrorCode]>([
    ['is in trouble', { status: 503, headers: { 'retry-after': '9' } }, 'Transient'],
    ['is asked too often', { status: 429 }, 'Transient'],
    ['cuts the connection', 'reset', 'Transient'],
    ['does not answer', 'hang', 'Transient'],
    ['cuts its answer', 'short-body', 'Transient'],
    ['refuses', { status: 401, body: '{"error":"invalid_client"}' }, 'AccessDenied'],
    ['answers without a token', { status: 200, body: '{}' }, 'Permanent'],
    ['is another server', { status: 404, body: '<html></html>' }, 'Permanent'],
  ])('that %s is asked once, and the operation fails as it has to', async (_what, action, wanted) => {
    proxy.inject({ when: () => true, action })
    await using storage = await open({ keyFile: await keyFileByProxy(), ...patienceFor(action) })
    await expect(within('the answer', 10_000, ask(storage))).rejects.toThrow(storageErrorWith(wanted))
    expect(proxy.requests).toHaveLength(1)
  })

  it('that is down does not matter as long as there is a good token', async () => {
    await server.command('setTokenLifetime', 200) // below what makes walr ask for the next one
    await using storage = await open({ keyFile: await keyFileByProxy() })
    await expectAccess(storage)
    proxy.inject({ when: () => true, action: 'reset' })
    await expectAccess(storage)
  })

  it.each(['aborted', 'disposed of'])('is left alone at once when who asked is %s', async (how) => {
    proxy.inject({ when: () => true, action: 'hang' })
    const storage = await open({ keyFile: await keyFileByProxy() })
    const abort = new AbortController()
    const failed = ask(storage, abort.signal).catch((error: unknown) => error)
    await waitFor('a token is asked for', () => proxy.requests.length === 1)
    if (how === 'aborted') abort.abort(new Error('enough'))
    else await storage[Symbol.asyncDispose]()
    expect(String(await within('the end', 5000, failed))).toMatch(how === 'aborted' ? 'enough' : 'closed')
    proxy.clear()
    if (how === 'aborted') await expectAccess(storage)
    await storage[Symbol.asyncDispose]()
  })
})

function anotherKey(): string {
  const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const
  const publicKeyEncoding = { type: 'spki', format: 'pem' } as const
  return generateKeyPairSync('rsa', { modulusLength: 2048, publicKeyEncoding, privateKeyEncoding }).privateKey
}
