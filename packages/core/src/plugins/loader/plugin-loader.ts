import {
  isCodecError,
  isOptionsError,
  type Codec,
  type HookContext,
  type PluginHook,
  type RetentionPolicy,
  type Storage,
  type WalrPlugin,
} from '../contract/index.ts'
import { isWalrError, WalrError } from '../../errors/walr-error.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { DEFAULT_CALL_OPTIONS, type CallOptions } from './call-options.ts'
import { toCodec, toRetention, toStorage, type MadeOrFault } from './hook-shape.ts'
import { inTime } from './in-time.ts'
import { LateStorage } from './late-storage.ts'
import { LoadedCodec } from './loaded-codec.ts'
import { LoadedRetention } from './loaded-retention.ts'
import { LoadedStorage } from './loaded-storage.ts'
import type { PluginEntry, PluginFault } from './plugin-entry.ts'
import { pluginFault, PluginFaults, reasonOf, type NamedPlace } from './plugin-faults.ts'
import { PluginList } from './plugin-list.ts'
import { pluginLogger } from './plugin-logger.ts'
import { HOOK_FUNCTIONS } from './plugin-shape.ts'
import { secretMask, type SecretMask } from './secret-mask.ts'
import { unlessAborted } from './unless-aborted.ts'

export type { PluginEntry, PluginFault } from './plugin-entry.ts'

export interface PluginLoaderOptions {
  /** The list `plugins` of the configuration: names of packages, and paths that begin with a dot. */
  readonly plugins: readonly string[]
  /** For messages; undefined when there is none. */
  readonly configFile: string | undefined
  /** Absolute: where packages are looked for first, and where relative paths begin. */
  readonly baseDirectory: string
  /** Absolute: where packages are looked for that are not found there. Nothing else is read of these folders. */
  readonly dataDirectories: readonly string[]
  readonly builtins: readonly WalrPlugin[]
  readonly logger: Logger
  /** Given to what plugins make; aborted when walr needs none of it any more. */
  readonly signal: AbortSignal
  readonly now: () => Date
  /** How calls of plugins are watched, repeated and reported; what is missing has its default. */
  readonly calls?: Partial<CallOptions>
}

/**
 * Finds, checks and opens the plugins of a configuration. What can be said from a package.json is said without running
 * anything of the plugin; a plugin is imported, once, when an entry that uses it is checked or opened.
 */
export class PluginLoader {
  readonly #options: PluginLoaderOptions
  readonly #list: PluginList

  constructor(options: PluginLoaderOptions) {
    this.#options = options
    this.#list = new PluginList(options)
  }

  /** All faults of all listed plugins and of `entries`, without opening anything. */
  async check(entries: readonly PluginEntry[]): Promise<readonly PluginFault[]> {
    const found = await Promise.all([
      ...this.#list.checks(),
      ...entries.map((entry) => faultsOf(async () => this.#prepare(entry))),
    ])
    // What is wrong with a plugin as such is met again in every entry that uses it.
    return [...new Set(found.flat())]
  }

  /** @throws WalrError WALR_PLUGIN or WALR_CONFIG with all that {@link check} finds. */
  async assertGood(entries: readonly PluginEntry[]): Promise<void> {
    const faults = await this.check(entries)
    if (faults.length > 0) throw new PluginFaults(faults).toWalrError()
  }

  /**
   * Opens a storage and wraps it; the caller disposes of it. One that takes longer than `openTimeoutMs` is reported to the
   * log, and its operations reject with `Transient` until it is open.
   * @param calls what differs from the loader's own settings.
   * @throws WalrError WALR_PLUGIN, WALR_CONFIG, WALR_KEY
   */
  async openStorage(entry: PluginEntry, calls: Partial<CallOptions> = {}): Promise<Storage> {
    const options = this.#calls(calls)
    const { clock, openTimeoutMs } = options
    const prepared = await reported(() => this.#prepare({ ...entry, hook: 'storage' }))
    const open = async (): Promise<Storage> => {
      const storage = await reported(() => this.#make(prepared, 'storage', toStorage))
      this.#demandOneWriter(prepared, storage)
      return storage
    }
    const first = { opening: open(), sinceMs: clock.now() }
    const made = await inTime(first.opening, openTimeoutMs, clock)
    if (!made) this.#reportLate(prepared, openTimeoutMs)
    return new LoadedStorage(
      made ?? new LateStorage(first, open, options),
      prepared.plugin.name,
      prepared.mask,
      options,
    )
  }

  /**
   * Makes a codec and wraps it.
   * @param calls what differs from the loader's own settings.
   * @throws WalrError WALR_PLUGIN, WALR_CONFIG, WALR_KEY
   */
  async openCodec(entry: PluginEntry, calls: Partial<CallOptions> = {}): Promise<Codec> {
    return reported(async () => {
      const prepared = await this.#prepare({ ...entry, hook: 'codec' })
      const made = await this.#make(prepared, 'codec', toCodec)
      return new LoadedCodec(made, prepared.plugin.name, prepared.mask, this.#calls(calls))
    })
  }

  /** As {@link openCodec}, for a retention policy. */
  async openRetention(entry: PluginEntry): Promise<RetentionPolicy> {
    return reported(async () => {
      const prepared = await this.#prepare({ ...entry, hook: 'retention' })
      return new LoadedRetention(await this.#make(prepared, 'retention', toRetention), prepared.plugin.name)
    })
  }

  /**
   * The plugin that an entry with this `use` would have; undefined when nothing of that name is built in or listed.
   * @throws WalrError WALR_PLUGIN
   */
  async describe(use: string): Promise<WalrPlugin | undefined> {
    return reported(async () => this.#list.find(use)?.plugin())
  }

  async #make<T>(prepared: Prepared, hook: PluginHook, check: (value: unknown) => MadeOrFault<T>): Promise<T> {
    const result = check(await this.#create(prepared, hook))
    if ('made' in result) return result.made
    throw pluginFault(prepared.named, 'WALR_PLUGIN', `cannot be used: its "${HOOK_FUNCTIONS[hook]}" ${result.fault}`)
  }

  async #create({ plugin, named, mask, options }: Prepared, hook: PluginHook): Promise<unknown> {
    const { signal } = this.#options
    signal.throwIfAborted()
    const create = plugin[HOOK_FUNCTIONS[hook]]?.bind(plugin)
    try {
      const making = Promise.resolve(create?.(options, this.#context(plugin, mask)))
      return await unlessAborted<unknown>(making, signal)
    } catch (cause) {
      if (signal.aborted) throw signal.reason
      const text = `could not be opened: ${mask(reasonOf(cause))}`
      if (isCodecError(cause, 'WrongKey')) throw new WalrError('WALR_KEY', sentence(named, text), { cause })
      // The options themselves were good: what a codec still misses is a key.
      if (isOptionsError(cause) && hook === 'codec') throw new WalrError('WALR_KEY', sentence(named, text), { cause })
      throw pluginFault(named, isOptionsError(cause) ? 'WALR_CONFIG' : 'WALR_PLUGIN', text, { cause })
    }
  }

  #demandOneWriter({ named }: Prepared, { capabilities }: Storage): void {
    if (capabilities.createIfAbsent === 'atomic') return
    const text =
      'cannot create an object only if there is none, it has to look first: let no other walr write to this storage'
    this.#options.logger.warning(sentence(named, text))
  }

  #reportLate({ named }: Prepared, afterMs: number): void {
    const text = `has not opened its storage for ${afterMs / 1000} s; walr goes on, and waits for it`
    this.#options.logger.warning(sentence(named, text), { code: 'WALR_ARCHIVE_UNAVAILABLE' })
  }

  /** Everything that can be done without opening. @throws PluginFaults */
  async #prepare(entry: PluginEntry): Promise<Prepared> {
    const named = { plugin: entry.use, place: entry.place, configFile: this.#options.configFile }
    const source = this.#list.find(entry.use)
    if (source === undefined) {
      const names = this.#options.builtins.map(({ name }) => `"${name}"`).join(', ')
      throw pluginFault(named, 'WALR_CONFIG', `is neither built in (${names}) nor in the list "plugins"`)
    }
    const manifest = await source.manifest()
    if (manifest?.provides.includes(entry.hook) === false) {
      const text = `offers no ${entry.hook}; its package.json lists: ${manifest.provides.join(', ')}`
      throw pluginFault(named, 'WALR_PLUGIN', text)
    }
    const plugin = await source.plugin()
    if (plugin[HOOK_FUNCTIONS[entry.hook]] === undefined) {
      throw pluginFault(named, 'WALR_PLUGIN', `offers no ${entry.hook}: it has no "${HOOK_FUNCTIONS[entry.hook]}"`)
    }
    const mask = secretMask(plugin.options, entry.options)
    return { plugin, named, mask, options: parsedOptions(plugin, entry, named, mask) }
  }

  #context(plugin: WalrPlugin, mask: SecretMask): HookContext {
    const { logger, signal, now, baseDirectory } = this.#options
    return { log: pluginLogger(logger, plugin.name, mask), signal, now, baseDirectory }
  }

  #calls(calls: Partial<CallOptions>): CallOptions {
    return { ...DEFAULT_CALL_OPTIONS, ...this.#options.calls, ...calls }
  }
}

/** A plugin and what it made of the options of one entry. */
interface Prepared {
  readonly plugin: WalrPlugin
  readonly named: NamedPlace
  readonly mask: SecretMask
  readonly options: unknown
}

function parsedOptions(plugin: WalrPlugin, entry: PluginEntry, named: NamedPlace, mask: SecretMask): unknown {
  try {
    return plugin.parseOptions(entry.options)
  } catch (cause) {
    if (!isOptionsError(cause)) {
      throw pluginFault(named, 'WALR_PLUGIN', `could not check its options: ${mask(reasonOf(cause))}`, { cause })
    }
    const faults = cause.faults.length === 0 ? [{ path: '', message: cause.message }] : cause.faults
    throw new PluginFaults(
      faults.flatMap(({ path, message }) => {
        const place = path === '' ? named.place : `${named.place}.${path}`
        return pluginFault({ ...named, place }, 'WALR_CONFIG', `has a wrong option: ${mask(message)}`).faults
      }),
    )
  }
}

function sentence(named: NamedPlace, text: string): string {
  return pluginFault(named, 'WALR_PLUGIN', text).message
}

async function faultsOf(work: () => Promise<unknown>): Promise<readonly PluginFault[]> {
  try {
    await work()
    return []
  } catch (error) {
    if (error instanceof PluginFaults) return error.faults
    throw error
  }
}

/** Faults become the WalrError that leaves this folder. */
async function reported<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof PluginFaults && !isWalrError(error)) throw error.toWalrError()
    throw error
  }
}
