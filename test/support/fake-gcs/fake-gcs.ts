import { once } from 'node:events'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { cleanEnvironment } from '../clean-environment.ts'
import { spawnTracked } from '../tracked-process.ts'
import { within } from '../wait-for.ts'
import type { BucketSettings } from './bucket-store.ts'
import type { CommandMessage, Commands, ReadyMessage, ResultMessage } from './commands.ts'

const START_MS = 30_000

/** How the fake is started. */
export interface FakeGcsOptions {
  /** PEM; with it the storage speaks TLS. */
  readonly tls?: { readonly key: string; readonly certificate: string }
}

/** A fake of Google Cloud Storage and of what gives tokens for it, in a process of its own. */
export interface FakeGcs extends AsyncDisposable {
  /** Of the storage. */
  readonly endpoint: string
  /** Of everything that gives tokens, the metadata server included. */
  readonly tokenOrigin: string
  /** Makes a bucket that everybody may use, or who the settings say. */
  createBucket(settings?: Partial<BucketSettings>): Promise<string>
  /** Tells the fake something, or asks it. */
  command<N extends keyof Commands>(name: N, argument: Parameters<Commands[N]>[0]): Promise<ReturnType<Commands[N]>>
  /** Ends it; rejects when a client asked for something that the fake does not know. Idempotent. */
  stop(): Promise<void>
}

/** Starts the fake on free ports of 127.0.0.1. */
export async function startFakeGcs({ tls }: FakeGcsOptions = {}): Promise<FakeGcs> {
  const child = spawnTracked(process.execPath, [join(import.meta.dirname, 'fake-gcs-process.ts')], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: cleanEnvironment({ FAKE_GCS_KEY: tls?.key, FAKE_GCS_CERT: tls?.certificate }),
  })
  const exited = once(child, 'exit')
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  const ready = Promise.withResolvers<ReadyMessage>()
  child.on('message', (message: ReadyMessage | ResultMessage) => {
    if ('endpoint' in message) {
      ready.resolve(message)
      return
    }
    const { id, result, error } = message
    if (error === undefined) waiting.get(id)?.resolve(result)
    else waiting.get(id)?.reject(new Error(error))
    waiting.delete(id)
  })
  child.on('exit', () => {
    const ended = new Error('the fake ended')
    ready.reject(ended)
    for (const { reject } of waiting.values()) reject(ended)
  })
  let lastId = 0
  const command: FakeGcs['command'] = async (name, argument) => {
    const message: CommandMessage = { id: ++lastId, name, argument }
    const reply = Promise.withResolvers<unknown>()
    waiting.set(message.id, reply)
    child.send(message)
    return (await within(`the fake's ${name}`, START_MS, reply.promise)) as ReturnType<Commands[typeof name]>
  }
  let stopping: Promise<void> | undefined
  const end = async (): Promise<void> => {
    try {
      const misuses = await command('misuses', undefined)
      if (misuses.length > 0) throw new Error(`the fake does not know what it was asked: ${misuses.join('; ')}`)
    } finally {
      child.kill('SIGKILL')
      await within('the fake ends', START_MS, exited)
    }
  }
  const stop = (): Promise<void> => (stopping ??= end())
  return {
    ...(await within('the fake starts', START_MS, ready.promise)),
    createBucket: async (settings = {}) => {
      const name = `walr-${randomUUID()}`
      await command('createBucket', { name, settings: { accounts: ['allUsers'], ...settings } })
      return name
    },
    command,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
