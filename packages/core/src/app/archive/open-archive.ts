import { CodecPipeline } from '../../codec/codec-pipeline.ts'
import { checkPipeline } from '../../codec/check-pipeline.ts'
import { BUILTIN_PLUGINS } from '../../builtin/index.ts'
import type { ArchiveConfig, PluginEntry as ConfigEntry } from '../../config/walr-config.ts'
import type { PluginHook, Storage } from '../../plugins/contract/index.ts'
import type { CallOptions } from '../../plugins/loader/call-options.ts'
import { PluginLoader, type PluginEntry } from '../../plugins/loader/plugin-loader.ts'
import type { Logger } from '../../telemetry/logger.ts'

/** Where an archive is described. */
export interface ArchiveSettings {
  readonly archive: ArchiveConfig
  readonly plugins: readonly string[]
  readonly configFile: string | undefined
  readonly baseDirectory: string
}

export interface OpenArchiveContext {
  readonly logger: Logger
  readonly signal: AbortSignal
  /** How calls of the storage are watched and repeated; what is missing has its default. */
  readonly calls?: Partial<CallOptions>
}

/** An archive's storage and codecs, ready to be used. */
export interface OpenedArchive extends AsyncDisposable {
  readonly storage: Storage
  readonly codecs: CodecPipeline
}

/**
 * Loads the plugins of an archive, all faults at once, opens storage and codecs, and proves that what will be written can
 * be decoded. The storage's server need not be there.
 * @throws WalrError WALR_PLUGIN, WALR_CONFIG, WALR_KEY
 */
export async function openArchive(
  settings: ArchiveSettings,
  { logger, signal, calls = {} }: OpenArchiveContext,
): Promise<OpenedArchive> {
  const { archive, plugins, configFile, baseDirectory } = settings
  const loader = new PluginLoader({
    plugins,
    configFile,
    baseDirectory,
    logger,
    signal,
    now: () => new Date(),
    builtins: BUILTIN_PLUGINS,
    calls,
  })
  const entries = archiveEntries(archive)
  await loader.assertGood([entries.storage, ...entries.codecs, ...entries.readCodecs])
  const writing = await Promise.all(entries.codecs.map((entry) => loader.openCodec(entry)))
  const reading = await Promise.all([...entries.readCodecs, ...builtinCodecs].map((entry) => loader.openCodec(entry)))
  const codecs = new CodecPipeline(writing, reading)
  await checkPipeline(codecs, signal)
  const storage = await loader.openStorage(entries.storage)
  return { storage, codecs, [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose]() }
}

/** The entries of `archive` as the loader wants them. */
export function archiveEntries(archive: ArchiveConfig): {
  readonly storage: PluginEntry
  readonly codecs: readonly PluginEntry[]
  readonly readCodecs: readonly PluginEntry[]
} {
  return {
    storage: toEntry(archive.storage, 'archive.storage', 'storage'),
    codecs: archive.codecs.map((entry, index) => toEntry(entry, `archive.codecs[${index}]`, 'codec')),
    readCodecs: archive.readCodecs.map((entry, index) => toEntry(entry, `archive.readCodecs[${index}]`, 'codec')),
  }
}

/** These need no options: what was compressed with them stays readable whatever is configured (law 8). */
const builtinCodecs: readonly PluginEntry[] = ['zstd', 'gzip'].map((use) => ({
  use,
  options: {},
  place: 'archive.readCodecs',
  hook: 'codec',
}))

function toEntry({ use, ...options }: ConfigEntry, place: string, hook: PluginHook): PluginEntry {
  return { use, options, place, hook }
}
