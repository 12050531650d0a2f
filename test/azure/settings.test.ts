import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request as openRequest, type IncomingHttpHeaders } from 'node:http'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { inspect } from 'node:util'
import { ContainerSASPermissions, SASProtocol } from '@azure/storage-blob'
import type { ByteSource, Storage } from '@walr/core/plugin'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { parseOptions } from '../../packages/plugin-azure/src/options.ts'
import { openAzureStorage } from '../../packages/plugin-azure/src/storage.ts'
import { CertificateAuthority, type CertificateFiles } from '../connection/certificates.ts'
import { startAzurite, type Azurite } from '../support/azurite/azurite.ts'
import { startHttpFaultProxy } from '../support/http-fault-proxy.ts'
import { makeScratch, type Scratch } from '../support/scratch.ts'
import { waitFor } from '../support/wait-for.ts'
import { startIdentityEndpoint, type IdentityEndpoint } from './identity-endpoint.ts'
import { openOnServer } from './open-azure-storage.ts'
import { recordedContext, type RecordedContext } from '../support/recorded-context.ts'
import { storageErrorWith } from '../support/storage-error-code.ts'

const signal = new AbortController().signal
const SMALL = Buffer.from('walr')
const BLOCK = 64 * 1024
const LARGE = Buffer.alloc(3 * BLOCK, 'walr')
const HOUR_MS = 3_600_000

let scratch: Scratch
let files: CertificateFiles
let server: Azurite
let secure: Azurite
let container: string

beforeAll(async () => {
  scratch = makeScratch('azure-settings')
  const authority = await CertificateAuthority.create(scratch.path, 'authority')
  files = await authority.issue('server', { commonName: 'azurite', subjectAltName: 'IP:127.0.0.1' })
  server = await startAzurite({ isLoose: true })
  secure = await startAzurite({ tls: files })
  container = await server.createContainer()
  await using admin = await openOnServer(secure, { container: 'none', caFile: 'authority.crt' }, inScratch())
  await expect(admin.head('x', { signal })).rejects.toThrow('ContainerNotFound')
})
afterEach(() => {
  vi.unstubAllEnvs()
})
afterAll(async () => {
  await server.stop()
  await secure.stop()
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

/** Relative file names start in the scratch folder. */
function inScratch(): RecordedContext {
  return recordedContext({ baseDirectory: scratch.path })
}

function openWith(
  options: Readonly<Record<string, unknown>>,
  context: RecordedContext = inScratch(),
): Promise<Storage> {
  return openAzureStorage(parseOptions({ blockSize: BLOCK, ...options }), context)
}

async function rejection(work: Promise<unknown>): Promise<Error> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof Error) return error
  throw new Error('it did not reject')
}

/** A SAS for the container, as the portal makes them. */
async function sas(letters: string, minutes = 60): Promise<string> {
  const url = await server
    .client()
    .getContainerClient(container)
    .generateSasUrl({
      permissions: ContainerSASPermissions.parse(letters),
      protocol: SASProtocol.HttpsAndHttp,
      expiresOn: new Date(Date.now() + (minutes * HOUR_MS) / 60),
    })
  return url
}

describe('the way in', () => {
  it('may be a connection string with the key of the account', async () => {
    const account = `AccountName=${server.accountName};AccountKey=${server.accountKey}`
    const connectionString = `DefaultEndpointsProtocol=http;${account};BlobEndpoint=${server.endpoint};`
    await using storage = await openWith({ connectionString, container })
    await expectRoundTrip(storage, 'connection-string', LARGE)
  })

  it('may be a SAS token, with or without a question mark', async () => {
    const token = new URL(await sas('racwdl')).search
    for (const sasToken of [token, token.slice(1)]) {
      await using storage = await openWith({ endpoint: server.endpoint, sasToken, container, prefix: randomName() })
      await expectRoundTrip(storage, 'sas-small', SMALL)
      await expectRoundTrip(storage, 'sas-large', LARGE)
      expect(await Array.fromAsync(storage.list('', { signal }))).toHaveLength(2)
      await storage.delete(['sas-small'], { signal })
    }
  })

  it('may be a connection string with a SAS', async () => {
    const token = new URL(await sas('racwdl')).search.slice(1)
    const connectionString = `BlobEndpoint=${server.endpoint};SharedAccessSignature=${token}`
    await using storage = await openWith({ connectionString, container })
    await expectRoundTrip(storage, 'connection-string-sas', SMALL)
  })

  it('may be the URL of the container with a SAS', async () => {
    await using storage = await openWith({ containerUrl: await sas('racwdl'), prefix: 'url' })
    await expectRoundTrip(storage, 'small', SMALL)
    await expectRoundTrip(storage, 'large', LARGE)
  })

  it('is refused when the SAS does not allow what is asked for, or has ended', async () => {
    await using reader = await openWith({ containerUrl: await sas('rl') })
    await expect(put(reader, 'refused', SMALL)).rejects.toThrow(storageErrorWith('AccessDenied'))
    await expect(put(reader, 'refused-large', LARGE)).rejects.toThrow(storageErrorWith('AccessDenied'))
    await using late = await openWith({ containerUrl: await sas('racwdl', -5) })
    await expect(late.get('connection-string', { signal })).rejects.toThrow(storageErrorWith('AccessDenied'))
    await expect(late.head('connection-string', { signal })).rejects.toThrow(storageErrorWith('AccessDenied'))
  })
})

describe('TLS', () => {
  it('refuses a server that nobody it knows has signed, and says what to do', async () => {
    await using storage = await openOnServer(secure, { container })
    const failed = storage.head('x', { signal })
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(failed).rejects.toThrow('caFile')
  })

  it('says which caFile cannot be read', async () => {
    const failed = openOnServer(secure, { container, caFile: 'absent.crt' }, inScratch())
    await expect(failed).rejects.toThrow(storageErrorWith('Permanent'))
    await expect(failed).rejects.toThrow(join(scratch.path, 'absent.crt'))
  })
})

describe('what new objects get', () => {
  it('is the access tier of the options', async () => {
    for (const content of [SMALL, LARGE]) {
      const key = `cool-${content.length}`
      await using storage = await openOnServer(server, { container, accessTier: 'Cool', blockSize: BLOCK })
      await put(storage, key, content)
      const properties = await server.client().getContainerClient(container).getBlobClient(key).getProperties()
      expect(properties.accessTier).toBe('Cool')
    }
  })

  it('is the encryption scope of the options, also for blocks', async () => {
    await using proxy = await startHttpFaultProxy(new URL(server.endpoint).origin)
    const behind = { ...server, endpoint: `${proxy.endpoint}/${server.accountName}` }
    await using storage = await openOnServer(behind, { container, encryptionScope: 'wal-scope', blockSize: BLOCK })
    await put(storage, 'scope-small', SMALL)
    await put(storage, 'scope-large', LARGE)
    const puts = proxy.requests.filter(({ method }) => method === 'PUT')
    expect(puts.length).toBe(1 + 3 + 1)
    for (const { headers } of puts) expect(headers['x-ms-encryption-scope']).toBe('wal-scope')
  })

  it('is the key of the customer with every request for bytes, over TLS', async () => {
    await using tls = await startTlsRecorder()
    const customerProvidedKey = randomBytes(32).toString('base64')
    const options = { container, customerProvidedKey, caFile: 'authority.crt', blockSize: BLOCK, prefix: 'cpk' }
    const behind = { ...server, endpoint: `${tls.endpoint}/${server.accountName}` }
    await using storage = await openOnServer(behind, options, inScratch())
    await expectRoundTrip(storage, 'small', SMALL)
    await expectRoundTrip(storage, 'large', LARGE)
    expect(tls.headers.length).toBe(1 + 2 + (1 + 3 + 1 + 1) + 2)
    for (const headers of tls.headers) {
      expect(headers['x-ms-encryption-key']).toBe(customerProvidedKey)
      expect(headers['x-ms-encryption-algorithm']).toBe('AES256')
      expect(headers).toHaveProperty('x-ms-encryption-key-sha256')
    }
  })
})

describe('tokens', () => {
  // the SDK looks for the endpoint once in a process, and keeps a token for each client id
  let identity: IdentityEndpoint
  beforeAll(async () => {
    identity = await startIdentityEndpoint()
  })
  beforeEach(() => {
    for (const [name, value] of Object.entries(identity.environment)) vi.stubEnv(name, value)
    identity.answer = 'token'
    identity.queries.length = 0
  })
  afterAll(() => identity[Symbol.asyncDispose]())

  const tokenStorage = (options: Readonly<Record<string, unknown>>) =>
    openWith({ endpoint: secure.endpoint, caFile: 'authority.crt', container: 'tokens', ...options })

  it.each(['managed-identity', 'default'])('come from the identity of the machine (%s), once', async (credential) => {
    await using storage = await tokenStorage({ credential, clientId: `client-${credential}` })
    // the server believes the token: otherwise it would not tell what is absent
    await expect(storage.head('x', { signal })).rejects.toThrow('ContainerNotFound')
    await expect(storage.get('x', { signal })).rejects.toThrow('ContainerNotFound')
    expect(identity.queries.map((query) => query.get('client_id'))).toEqual([`client-${credential}`])
    expect(identity.queries[0]?.get('resource')).toBe('https://storage.azure.com')
  })

  it('that the identity endpoint refuses are AccessDenied, with what to do', async () => {
    identity.answer = 'refused'
    await using storage = await tokenStorage({ credential: 'managed-identity', clientId: 'stranger' })
    const failed = storage.head('x', { signal })
    await expect(failed).rejects.toThrow(storageErrorWith('AccessDenied'))
    await expect(failed).rejects.toThrow('managed identity')
  })

  it('that do not come are Transient, and are asked for again', async () => {
    const options = { credential: 'managed-identity', clientId: 'patient', requestTimeoutMs: 3000 }
    await using storage = await tokenStorage(options)
    for (const answer of ['broken', 'silence'] as const) {
      identity.answer = answer
      await expect(storage.head('x', { signal })).rejects.toThrow(storageErrorWith('Transient'))
    }
    identity.answer = 'token'
    await expect(storage.head('x', { signal })).rejects.toThrow('ContainerNotFound')
  })

  it('are not waited for when the request is aborted', async () => {
    identity.answer = 'silence'
    await using storage = await tokenStorage({ credential: 'managed-identity', clientId: 'aborted' })
    const abort = new AbortController()
    const reason = new Error('enough')
    const stopped = expect(storage.head('x', { signal: abort.signal })).rejects.toBe(reason)
    await waitFor('a token is asked for', () => identity.queries.length > 0)
    abort.abort(reason)
    await stopped
  })
})

describe('secrets', () => {
  it('are not in errors, their causes and logs', async () => {
    const context = inScratch()
    const wrongKey = randomBytes(64).toString('base64')
    await using keyed = await openOnServer({ ...server, accountKey: wrongKey }, { container }, context)
    const denied = await rejection(put(keyed, 'secret', SMALL))
    const url = new URL(await sas('rl'))
    const signature = url.searchParams.get('sig') ?? ''
    await using signed = await openWith({ containerUrl: url.href }, context)
    const refused = await rejection(put(signed, 'secret', SMALL))
    const absent = await rejection(signed.head('absent', { signal }))
    url.port = '1'
    await using lost = await openWith({ containerUrl: url.href }, context)
    const unreachable = await rejection(lost.head('secret', { signal }))
    const shown = [denied, refused, absent, unreachable]
      .map((error) => inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error) + String(error.stack))
      .concat(context.lines)
      .join('\n')
    expect(signature.length).toBeGreaterThan(20)
    for (const secret of [wrongKey, signature, encodeURIComponent(signature)]) expect(shown).not.toContain(secret)
    expect(shown).not.toContain('SharedKey ')
  })
})

function randomName(): string {
  return randomBytes(6).toString('hex')
}

/** Takes TLS off, as the way to Azure has it, and keeps the headers of all requests. */
async function startTlsRecorder() {
  const headers: IncomingHttpHeaders[] = []
  const { certificate, key } = files
  const recorder = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (incoming, outgoing) => {
    headers.push(incoming.headers)
    const target = new URL(incoming.url ?? '', server.endpoint)
    const onward = openRequest(target, { method: incoming.method, headers: incoming.headers }, (response) => {
      outgoing.writeHead(response.statusCode ?? 502, response.headers)
      response.pipe(outgoing)
    })
    onward.on('error', () => outgoing.destroy())
    incoming.pipe(onward)
  })
  recorder.listen(0, '127.0.0.1')
  await once(recorder, 'listening')
  const address = recorder.address()
  if (address === null || typeof address === 'string') throw new Error('the recorder does not listen')
  return {
    endpoint: `https://127.0.0.1:${address.port}`,
    headers,
    [Symbol.asyncDispose]: async () => {
      const closed = once(recorder, 'close')
      recorder.close()
      recorder.closeAllConnections()
      await closed
    },
  }
}
