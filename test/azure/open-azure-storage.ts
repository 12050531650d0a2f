import { tmpdir } from 'node:os'
import type { HookContext, PluginLogger, Storage } from '@walr/core/plugin'
import { parseOptions } from '../../packages/plugin-azure/src/options.ts'
import { openAzureStorage } from '../../packages/plugin-azure/src/storage.ts'
import type { AzureAccount } from '../support/azurite/azurite.ts'

/** A context for a plugin, with everything that it logged. */
export interface RecordedContext extends HookContext {
  readonly lines: readonly string[]
}

/** Makes a context. */
export function recordedContext(change: Partial<HookContext> = {}): RecordedContext {
  const lines: string[] = []
  const write = (line: string): void => void lines.push(line)
  const log: PluginLogger = { error: write, warning: write, info: write, debug: write }
  const signal = new AbortController().signal
  return { log, signal, now: () => new Date(), baseDirectory: tmpdir(), lines, ...change }
}

/** The part of a server that a client needs to know. */
export interface AzureServer extends AzureAccount {
  readonly endpoint: string
}

/** Opens the plugin's storage on a server, with small blocks. */
export async function openOnServer(
  { endpoint, accountName, accountKey }: AzureServer,
  options: Readonly<Record<string, unknown>>,
  context: HookContext = recordedContext(),
): Promise<Storage> {
  const place = { endpoint, accountName, accountKey }
  return openAzureStorage(parseOptions({ ...place, blockSize: '5MiB', ...options }), context)
}
