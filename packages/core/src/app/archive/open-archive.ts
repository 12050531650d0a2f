import { CodecPipeline } from '../../codec/codec-pipeline.ts'
import { checkPipeline } from '../../codec/check-pipeline.ts'
import { BUILTIN_PLUGINS } from '../../builtin/index.ts'
import type { ArchiveConfig, PluginEntry as ConfigEntry } from '../../config/walr-config.ts'
import { isWalrError, WalrError } from '../../errors/walr-error.ts'
import type { Codec, PluginHook, Storage } from '../../plugins/contract/index.ts'
import type { CallOptions } from '../../plugins/loader/call-options.ts'
import { PluginLoader, type PluginEntry } from '../../plugins/loader/plugin-loader.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { dataDirectoriesHere } from '../plugins/data-directories-here.ts'

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
export async function openArchive(settings: ArchiveSettings, context: OpenArchiveContext): Promise<OpenedArchive> {
  const loader = loaderOf(settings, context)
  const { storage: entry, codecs: writing, readCodecs } = archiveEntries(settings.archive)
  await loader.assertGood([entry, ...writing, ...readCodecs])
  const codecs = await openPipeline(loader, settings, context.signal)
  const storage = await loader.openStorage(entry)
  return { storage, codecs, [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose]() }
}

/**
 * The part of {@link openArchive} that needs no storage: keys are read, and proven.
 * @throws WalrError WALR_PLUGIN, WALR_CONFIG, WALR_KEY
 */
export async function openCodecs(settings: ArchiveSettings, context: OpenArchiveContext): Promise<CodecPipeline> {
  return openPipeline(loaderOf(settings, context), settings, context.signal)
}

function loaderOf(
  { plugins, configFile, baseDirectory }: ArchiveSettings,
  { logger, signal, calls = {} }: OpenArchiveContext,
): PluginLoader {
  const places = { baseDirectory, dataDirectories: dataDirectoriesHere() }
  const now = (): Date => new Date()
  return new PluginLoader({ plugins, configFile, ...places, logger, signal, now, builtins: BUILTIN_PLUGINS, calls })
}

async function openPipeline(
  loader: PluginLoader,
  { archive, configFile }: ArchiveSettings,
  signal: AbortSignal,
): Promise<CodecPipeline> {
  const entries = archiveEntries(archive)
  const open = (entry: PluginEntry): Promise<Codec> => loader.openCodec(entry)
  const writing = await Promise.all(entries.codecs.map(open))
  const reading = await Promise.all([...entries.readCodecs, ...builtinCodecs].map(open))
  refuseUnused(writing, reading.slice(0, entries.readCodecs.length))
  const codecs = new CodecPipeline(writing, reading)
  try {
    await checkPipeline(codecs, signal)
  } catch (cause) {
    if (!isWalrError(cause)) throw cause
    const place = configFile === undefined ? 'archive.codecs' : `${configFile} archive.codecs`
    throw new WalrError(cause.code, `${place}: ${cause.message}`, { hint: cause.hint, detail: cause.detail, cause })
  }
  return codecs
}

/** @throws WalrError WALR_CONFIG for a codec that would never be asked: objects are read by the suffixes of their names. */
function refuseUnused(writing: readonly Codec[], reading: readonly Codec[]): void {
  for (const codec of reading) {
    const other = writing.find(({ suffix, kind }) => suffix === codec.suffix && kind === 'encryption')
    if (!other) continue
    const text = `archive.readCodecs has a codec for "${codec.suffix}", and so has archive.codecs, which reads it as well`
    throw new WalrError('WALR_CONFIG', text, {
      hint: 'Give older keys to the entry in archive.codecs, such as "oldKeys" of @walr/plugin-crypto.',
    })
  }
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
