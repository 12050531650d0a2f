import type { Duration } from './duration.ts'

/** walr's configuration, checked: file, environment and command line together, with defaults for what nobody set. */
export interface WalrConfig {
  readonly cluster: string
  /** A conninfo string or URI, or libpq's keywords. May hold a password. */
  readonly connection?: string | Readonly<Record<string, string | number>>
  readonly receive: ReceiveConfig
  /** Names of packages, or paths that start at {@link LoadedConfig.baseDirectory}. */
  readonly plugins: readonly string[]
  readonly archive?: ArchiveConfig
  readonly http?: HttpConfig
}

/** How WAL is received. */
export interface ReceiveConfig {
  /** Absolute. */
  readonly directory?: string
  readonly slot?: string
  readonly createSlot: boolean
  /** Never the same as `slot`. */
  readonly guardSlot?: string
  readonly statusInterval: Duration
  readonly flush: 'batch' | 'segment'
  /** As `--compress`; not parsed yet. */
  readonly compress?: string
}

/** Where finished WAL goes to, and how. */
export interface ArchiveConfig {
  readonly storage: PluginEntry
  /** In the order in which they encode. */
  readonly codecs: readonly PluginEntry[]
  /** Further codecs, for reading what was written with other ones than `codecs`. */
  readonly readCodecs: readonly PluginEntry[]
  readonly concurrency: number
  readonly keepLocal: Duration
  readonly drainTimeout: Duration
}

/** How WAL is served over HTTP. */
export interface HttpConfig {
  /** `127.0.0.1:7070`, `[::1]:7070`, `unix:/run/walr.sock`. */
  readonly listen: string
  /** Secret. */
  readonly token?: string
  /** PEM files; relative paths start at {@link LoadedConfig.baseDirectory}. */
  readonly certFile?: string
  readonly keyFile?: string
  /** With it, only clients with a certificate of these authorities are served. */
  readonly clientCaFile?: string
  readonly maxDownloads: number
}

/** Names a plugin or a built-in, and gives its options, which the plugin itself checks. */
export interface PluginEntry {
  readonly use: string
  readonly [option: string]: unknown
}

/** What entries may use without naming it under `plugins`. */
export const BUILTIN_NAMES: readonly string[] = ['local', 'zstd', 'gzip']
