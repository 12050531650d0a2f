import { tmpdir } from 'node:os'
import type { HookContext, PluginLogger, Storage } from '@walr/core/plugin'
import { parseOptions } from '../../packages/plugin-gcs/src/options.ts'
import { openGcsStorage } from '../../packages/plugin-gcs/src/storage.ts'

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

/** Opens the plugin's storage at an endpoint, with small chunks, and without credentials unless the options say otherwise. */
export async function openAt(
  endpoint: string,
  options: Readonly<Record<string, unknown>>,
  context: HookContext = recordedContext(),
): Promise<Storage> {
  const place = { endpoint, anonymous: options['keyFile'] === undefined, chunkSize: '1MiB' }
  return openGcsStorage(parseOptions({ ...place, ...options }), context)
}
