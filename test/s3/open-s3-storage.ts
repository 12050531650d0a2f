import { tmpdir } from 'node:os'
import type { HookContext, PluginLogger, Storage } from '@walr/core/plugin'
import { parseOptions } from '../../packages/plugin-s3/src/options.ts'
import { openS3Storage } from '../../packages/plugin-s3/src/storage.ts'
import type { S3Credentials } from '../support/radosgw/radosgw.ts'

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
export interface S3Server extends S3Credentials {
  readonly endpoint: string
}

/** Opens the plugin's storage on a server, with small parts. */
export async function openOnServer(
  { endpoint, accessKeyId, secretAccessKey }: S3Server,
  options: Readonly<Record<string, unknown>>,
  context: HookContext = recordedContext(),
): Promise<Storage> {
  const place = { endpoint, region: 'default', accessKeyId, secretAccessKey }
  return openS3Storage(parseOptions({ ...place, partSize: '5MiB', ...options }), context)
}
