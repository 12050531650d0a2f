import { tmpdir } from 'node:os'
import type { HookContext, PluginLogger, Storage } from '@walr/core/plugin'
import { parseOptions } from '../../packages/plugin-sftp/src/options.ts'
import { openSftpStorage } from '../../packages/plugin-sftp/src/storage.ts'
import type { Sshd } from '../support/sshd/sshd.ts'

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

/** Opens the plugin's storage on a server. */
export function openOnServer(
  { options }: Pick<Sshd, 'options'>,
  more: Readonly<Record<string, unknown>>,
  context: HookContext = recordedContext(),
): Promise<Storage> {
  return openSftpStorage(parseOptions({ ...options, ...more }), context)
}
