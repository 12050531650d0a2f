import { BUILTIN_PLUGINS } from '../builtin/index.ts'
import type { ConfigFault } from '../config/config-fault.ts'
import type { LoadedConfig } from '../config/load-config.ts'
import { isWalrError } from '../errors/walr-error.ts'
import { systemCallClock } from '../plugins/loader/call-clock.ts'
import { inTime } from '../plugins/loader/in-time.ts'
import { PluginLoader } from '../plugins/loader/plugin-loader.ts'
import type { Logger } from '../telemetry/logger.ts'
import { archiveEntries, openCodecs } from './archive/open-archive.ts'
import type { SecretOptions } from './config-show.ts'
import type { PluginCheck } from './config-validate.ts'
import { dataDirectoriesHere } from './plugins/data-directories-here.ts'

/** A program may have to ask somebody for the passphrase of a key. */
const PATIENCE_MS = 120_000

/**
 * What the plugins of a configuration say about it. When they find nothing wrong with their options the codecs are opened,
 * with their keys, and proven; no storage is asked. Plugins that do not answer are a fault, too.
 */
export const checkConfiguredPlugins: PluginCheck = (loaded) => checkPluginsFor(PATIENCE_MS, loaded)

/** {@link checkConfiguredPlugins} with another patience. */
export async function checkPluginsFor(patienceMs: number, loaded: LoadedConfig): Promise<readonly ConfigFault[]> {
  const stop = new AbortController()
  // The timer keeps the process alive, too: one that has nothing left to wait for would end as if all were well.
  const faults = await inTime(pluginFaults(loaded, stop.signal), patienceMs, systemCallClock)
  stop.abort(new DOMException('the plugins have had their time', 'AbortError'))
  return faults ?? [{ path: 'plugins', message: `plugins or keys have not answered for ${patienceMs / 1000} s` }]
}

async function pluginFaults(loaded: LoadedConfig, signal: AbortSignal): Promise<readonly ConfigFault[]> {
  const { archive } = loaded.config
  const entries = archive ? archiveEntries(archive) : undefined
  const all = entries ? [entries.storage, ...entries.codecs, ...entries.readCodecs] : []
  const faults = await loaderOf(loaded).check(all)
  if (faults.length > 0 || !archive) return faults.map(({ place, message }) => ({ path: place, message }))
  const { config, file: configFile, baseDirectory } = loaded
  const settings = { archive, plugins: config.plugins, configFile, baseDirectory }
  try {
    await openCodecs(settings, { logger: silent, signal })
    return []
  } catch (error) {
    if (!isWalrError(error)) throw error
    return [{ path: 'archive.codecs', message: error.message }]
  }
}

/** What the plugin of an entry says about its options; undefined when it cannot be asked. */
export const configuredSecretOptions: SecretOptions = async (entry, loaded) => {
  const plugin = await loaderOf(loaded)
    .describe(entry.use)
    .catch(() => undefined) // "walr config validate" tells why
  if (!plugin) return undefined
  const known = new Map(plugin.options.map(({ name, secret }) => [name, secret === true]))
  // An option that the plugin does not know may be a misspelt secret.
  return new Set(Object.keys(entry).filter((name) => name !== 'use' && (known.get(name) ?? !isParent(name, known))))
}

/** Nested options are described with dots; a parent is secret when one of its children is. */
function isParent(name: string, known: ReadonlyMap<string, boolean>): boolean {
  const children = [...known].filter(([child]) => child.startsWith(`${name}.`))
  return children.length > 0 && !children.some(([, secret]) => secret)
}

function loaderOf({ config, file, baseDirectory }: LoadedConfig): PluginLoader {
  return new PluginLoader({
    plugins: config.plugins,
    configFile: file,
    baseDirectory,
    dataDirectories: dataDirectoriesHere(),
    builtins: BUILTIN_PLUGINS,
    logger: silent,
    signal: new AbortController().signal,
    now: () => new Date(),
  })
}

const ignore = (): void => undefined
const silent: Logger = { error: ignore, warning: ignore, notice: ignore, info: ignore, debug: ignore }
