import type { Codec } from './codec.ts'
import type { RetentionPolicy } from './retention.ts'
import type { Storage } from './storage.ts'

/** The version of this contract. A plugin names the one it was written for; walr refuses versions it does not know. */
export type PluginApiVersion = 1

/** A hook that a plugin may offer; what its package.json lists under `walr.provides`. */
export type PluginHook = 'storage' | 'codec' | 'retention'

/**
 * What a plugin package exports by default. Importing it must be cheap and without effect: load an SDK inside the
 * `create...` functions. `Options` is what {@link WalrPlugin.parseOptions} makes of the configuration.
 */
export interface WalrPlugin<Options = unknown> {
  /** The package's name; it is in every message about the plugin. */
  readonly name: string
  readonly apiVersion: PluginApiVersion
  /** Describes the options, for `walr plugins:inspect`, for the documentation, and so that secrets are masked. */
  readonly options: readonly OptionDescription[]
  /**
   * Checks the options: all keys of the entry in walr's configuration file but `use`, with variables and secrets expanded.
   * Values from the environment are strings. Does no input or output.
   * @throws OptionsError with all faults at once; an unknown option is a fault.
   */
  parseOptions(input: Readonly<Record<string, unknown>>): Options
  /**
   * Opens a storage. It need not reach its server for that: a server that is down shows in the first operation, as
   * `Transient`, since walr receives WAL while the archive is away. What rejects within 5 s ends the start of walr; later it
   * is an outage, after which the hook is called again.
   */
  readonly createStorage?: (options: Options, context: HookContext) => Promise<Storage>
  /** Makes a codec, with all keys that it needs at hand. Rejects when it could not encode. */
  readonly createCodec?: (options: Options, context: HookContext) => Promise<Codec>
  readonly createRetention?: (options: Options, context: HookContext) => Promise<RetentionPolicy>
}

/** One option of a plugin. */
export interface OptionDescription {
  /** As in the configuration file; with dots where it is nested. */
  readonly name: string
  /** For the reader: `string`, `integer`, `duration`, `"a" or "b"`. */
  readonly type: string
  readonly summary: string
  /** The value without the option, for the reader; undefined when there is none. */
  readonly default?: string
  readonly required?: boolean
  /** True: the value never appears in logs, errors or `walr config show`. */
  readonly secret?: boolean
}

/** What walr gives to a hook. */
export interface HookContext {
  readonly log: PluginLogger
  /** Aborted when walr no longer needs what the hook makes. */
  readonly signal: AbortSignal
  /** The time; the only clock that a plugin's decisions may depend on. */
  readonly now: () => Date
  /** Absolute. Relative file names in options start here: it is the folder of the configuration file. */
  readonly baseDirectory: string
}

/** Where a plugin reports to. walr adds the plugin's name. Never log a secret. */
export interface PluginLogger {
  error(message: string): void
  warning(message: string): void
  info(message: string): void
  debug(message: string): void
}

/** Gives a plugin's default export its type. It returns what it is given. */
export function definePlugin<Options>(plugin: WalrPlugin<Options>): WalrPlugin<Options> {
  return plugin
}
