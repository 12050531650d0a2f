import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { cleanEnvironment } from '../clean-environment.ts'
import { freePort } from '../free-port.ts'
import { RunningProgram } from '../running-program.ts'
import { makeScratch } from '../scratch.ts'
import { waitFor } from '../wait-for.ts'

/** The account of an Azure storage. */
export interface AzureAccount {
  readonly accountName: string
  /** In base64. */
  readonly accountKey: string
}

/** How {@link startAzurite} starts it. */
export interface AzuriteOptions {
  /** Files in PEM; with them it answers with TLS, and takes tokens of identities, too. */
  readonly tls?: { readonly certificate: string; readonly key: string }
  /** True: what it has is on disk, and is there again after {@link Azurite.halt}. Slower. */
  readonly survives?: boolean
  /** True: it ignores the headers of features that it lacks, such as keys of customers. */
  readonly isLoose?: boolean
}

/** A real server of Azure's blob protocol: Microsoft's emulator. */
export interface Azurite extends AzureAccount, AsyncDisposable {
  /** `http://127.0.0.1:PORT/ACCOUNT`, or with https. */
  readonly endpoint: string
  /** A client of the SDK, to prepare and to look at things past the code under test. Not over TLS. */
  client(): BlobServiceClient
  /** Makes a container. Resolves to its name, a new one when none is given. */
  createContainer(name?: string): Promise<string>
  /** Ends the server in order; what it has stays when it survives. */
  halt(): Promise<void>
  /** Starts it again at the same place. */
  resume(): Promise<void>
  /** Ends it and removes all its data; idempotent. */
  stop(): Promise<void>
}

const program = join(createRequire(import.meta.url).resolve('azurite/package.json'), '../dist/src/blob/main.js')

/** Starts it on a free port of 127.0.0.1, with an account of its own. */
export async function startAzurite({ tls, survives = false, isLoose = false }: AzuriteOptions = {}): Promise<Azurite> {
  const scratch = makeScratch('azurite')
  const account = {
    accountName: `walr${randomBytes(4).toString('hex')}`,
    accountKey: randomBytes(64).toString('base64'),
  }
  const port = await freePort()
  const place = survives ? ['--location', scratch.path] : ['--inMemoryPersistence']
  const args = [
    '--blobHost',
    '127.0.0.1',
    '--blobPort',
    String(port),
    '--silent',
    ...place,
    ...(isLoose ? ['--loose'] : []),
  ]
  const secure = tls === undefined ? [] : ['--cert', tls.certificate, '--key', tls.key, '--oauth', 'basic']
  const env = cleanEnvironment({ AZURITE_ACCOUNTS: `${account.accountName}:${account.accountKey}` })
  let server: RunningProgram | undefined

  const resume = async (): Promise<void> => {
    const options = ['--skipApiVersionCheck', '--disableTelemetry', ...args, ...secure]
    const node = ['--import', join(import.meta.dirname, 'keep-connections.ts')]
    server = new RunningProgram(process.execPath, [...node, program, ...options], { env, cwd: scratch.path })
    await untilListening(server, port)
  }
  const halt = async (): Promise<void> => {
    await server?.stop() // in order: it writes down what it has
    server = undefined
  }
  const stop = async (): Promise<void> => {
    await server?.[Symbol.asyncDispose]()
    server = undefined
    scratch.remove()
  }
  try {
    await resume()
  } catch (error) {
    await stop()
    throw error
  }

  const endpoint = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/${account.accountName}`
  const client = (): BlobServiceClient => {
    const credential = new StorageSharedKeyCredential(account.accountName, account.accountKey)
    return new BlobServiceClient(endpoint, credential, { retryOptions: { maxTries: 1 } })
  }
  return {
    ...account,
    endpoint,
    client,
    createContainer: async (name = `walr-${randomBytes(6).toString('hex')}`) => {
      await client().createContainer(name)
      return name
    },
    halt,
    resume,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function untilListening(server: RunningProgram, port: number): Promise<void> {
  await waitFor('azurite listens', async () => !server.isRunning || (await isListening(port)), { deadlineMs: 60_000 })
  if (!server.isRunning) throw new Error(`azurite did not start:\n${server.stderr.join('\n')}`)
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const settle = (isOpen: boolean): void => {
      socket.destroy()
      resolve(isOpen)
    }
    socket.once('connect', () => {
      settle(true)
    })
    socket.once('error', () => {
      settle(false)
    })
  })
}
