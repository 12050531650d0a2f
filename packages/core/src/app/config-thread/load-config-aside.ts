import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { LoadConfigOptions, LoadedConfig } from '../../config/load-config.ts'
import { WalrError } from '../../errors/walr-error.ts'
import { receiveError, type SentError } from '../archive/archive-messages.ts'

/** A configuration without the history of its values. */
export type ConfiguredSettings = Pick<LoadedConfig, 'config' | 'file' | 'baseDirectory'>

/** What the thread answers. */
export type ConfigAnswer = { readonly settings: ConfiguredSettings } | { readonly error: SentError }

/**
 * Loads the configuration in a thread that ends with it: what reads and checks it (YAML, zod, a user's own modules) would
 * stay in the memory of a daemon for ever.
 * @throws WalrError WALR_CONFIG
 */
export async function loadConfigAside(options: LoadConfigOptions): Promise<ConfiguredSettings> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const worker = new Worker(new URL(`./config-worker.${extension}`, import.meta.url), {
    // The environment is a special object, and the thread may change its own.
    workerData: { ...options, environment: { ...options.environment } },
    name: 'configuration',
    execArgv: [],
  })
  const ended = once(worker, 'exit')
  const answers = once(worker, 'message') as Promise<[ConfigAnswer]>
  const nothing = ended.then(() => {
    throw new WalrError('WALR_INTERNAL', 'the configuration was not loaded')
  })
  const [answer] = await Promise.race([answers, nothing])
  nothing.catch(() => undefined)
  await ended
  if ('error' in answer) throw receiveError(answer.error)
  return answer.settings
}
