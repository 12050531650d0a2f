import { tmpdir } from 'node:os'
import type { HookContext, PluginLogger } from '@walr/core/plugin'

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
