import type { CodecErrorCode, StorageErrorCode } from '../contract/index.ts'
import { systemCallClock, type CallClock } from './call-clock.ts'

/** How calls of plugins are watched, repeated and reported. */
export interface CallOptions {
  /** How often something is tried that fails with `Transient`; 1 for never again. */
  readonly attempts: number
  /** No attempt is begun later than this after the first one. */
  readonly budgetMs: number
  /** After so long without any progress a call is given up. */
  readonly stallTimeoutMs: number
  /** Whoever opens a storage waits so long for it, and goes on without it when it takes longer. */
  readonly openTimeoutMs: number
  /** How long a plugin has for giving up once it was told to. */
  readonly graceMs: number
  /** Told of every call of a plugin, each attempt for itself. Must not throw. */
  readonly observe: (call: PluginCall) => void
  readonly clock: CallClock
}

export const DEFAULT_CALL_OPTIONS: CallOptions = {
  attempts: 3,
  budgetMs: 15_000,
  stallTimeoutMs: 60_000,
  openTimeoutMs: 5_000,
  graceMs: 5_000,
  observe: () => undefined,
  clock: systemCallClock,
}

/** One call of a plugin that has ended. */
export interface PluginCall {
  readonly plugin: string
  readonly operation: 'put' | 'get' | 'head' | 'list' | 'delete' | 'encode' | 'decode'
  /** Time that the plugin had; not what it waited for the bytes it was given, or for whoever took those that it gave. */
  readonly durationMs: number
  /** `source`: the bytes that it was given could not be read, or were wrong. */
  readonly outcome: 'ok' | StorageErrorCode | CodecErrorCode | 'source' | 'aborted'
  /** Bytes given to the plugin by `put`, and by it otherwise. */
  readonly bytes?: number
}
