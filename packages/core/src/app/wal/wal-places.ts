import { resolve } from 'node:path'
import { listArchive, type ArchiveListing } from '../../archive/archive-catalogue.ts'
import { archiveFailure } from '../../archive/archive-error.ts'
import { listDirectory } from '../../archive/directory-catalogue.ts'
import type { UnknownSystem, WalCatalogue } from '../../archive/wal-catalogue.ts'
import { BUILTIN_PLUGINS } from '../../builtin/index.ts'
import { loadConfig } from '../../config/load-config.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { isWalrError, WalrError } from '../../errors/walr-error.ts'
import type { Storage } from '../../plugins/contract/index.ts'
import { PluginLoader } from '../../plugins/loader/plugin-loader.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { SystemIdentifier } from '../../wal/system-identifier.ts'
import { archiveEntries, type ArchiveSettings } from '../archive/open-archive.ts'
import { dataDirectoriesHere } from '../plugins/data-directories-here.ts'

/** What every command about WAL works with. */
export interface WalContext {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Absolute. */
  readonly workingDirectory: string
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** Where to look for WAL. */
export interface WalPlaces {
  readonly archive: (ArchiveSettings & { readonly cluster: string }) | undefined
  /** Absolute. */
  readonly directory: string | undefined
}

/** What the places have. */
export interface ListedPlaces {
  readonly catalogues: readonly WalCatalogue[]
  readonly unknown: readonly UnknownSystem[]
  readonly foreignCount: number
}

/** How often the count of objects is told. */
const EACH = 1000

/**
 * The archive of the configuration, and the directory that was named. Without `--config`, a directory alone is enough.
 * @throws WalrError WALR_CONFIG; WALR_USAGE when there is nothing to look at.
 */
export async function findPlaces(
  { configPath, directory }: { readonly configPath: string | undefined; readonly directory: string | undefined },
  { environment, workingDirectory }: WalContext,
): Promise<WalPlaces> {
  const absolute = directory === undefined ? undefined : resolve(workingDirectory, directory)
  const path = configPath ?? emptyToUndefined(environment['WALR_CONFIG'])
  if (absolute !== undefined && path === undefined) return { archive: undefined, directory: absolute }
  const { config, file, baseDirectory } = await loadConfig({
    ...(path !== undefined && { path }),
    environment,
    workingDirectory,
    search: true,
  })
  const { archive, plugins, cluster } = config
  if (archive === undefined && absolute === undefined) {
    const where = file === undefined ? 'there is no configuration file here' : `"${file}" has no section "archive"`
    throw new WalrError('WALR_USAGE', `no archive and no directory to look at: ${where}`, {
      hint: 'Name a configuration file with --config, or a receive directory with --directory.',
    })
  }
  return { archive: archive && { archive, plugins, cluster, configFile: file, baseDirectory }, directory: absolute }
}

/**
 * Lists both: the directory first, because a receiver moves WAL from there to the archive meanwhile.
 * @param onCount told now and then how many objects there are so far.
 * @throws WalrError when anything of it cannot be listed.
 */
export async function listPlaces(
  { archive, directory }: WalPlaces,
  systemIdentifier: SystemIdentifier | undefined,
  { logger, signal }: WalContext,
  onCount: (objects: number) => void,
): Promise<ListedPlaces> {
  const listed = directory === undefined ? undefined : await listDirectory(nodeDisk, directory)
  const isWanted = systemIdentifier === undefined || listed?.owner.systemIdentifier === systemIdentifier
  let listing: ArchiveListing = { catalogues: [], unknown: [], foreignCount: 0 }
  if (archive) {
    await using storage = await openStorage(archive, logger, signal)
    let count = 0
    const onObject = (): void => {
      if (++count % EACH === 0) onCount(count)
    }
    try {
      listing = await listArchive({ storage, cluster: archive.cluster, systemIdentifier }, signal, onObject)
    } catch (error) {
      signal.throwIfAborted()
      throw isWalrError(error) ? error : archiveFailure('list the archive', error).error
    }
  }
  return { ...listing, catalogues: listed && isWanted ? [...listing.catalogues, listed] : listing.catalogues }
}

/** A loader of the plugins of an archive. */
export function loaderOf(settings: ArchiveSettings, logger: Logger, signal: AbortSignal): PluginLoader {
  const { plugins, configFile, baseDirectory } = settings
  return new PluginLoader({
    ...{ plugins, configFile, baseDirectory, dataDirectories: dataDirectoriesHere(), builtins: BUILTIN_PLUGINS },
    ...{ logger, signal, now: () => new Date() },
  })
}

/** Without codecs: names are no secret, and a machine that watches needs no keys. */
async function openStorage(settings: ArchiveSettings, logger: Logger, signal: AbortSignal): Promise<Storage> {
  const loader = loaderOf(settings, logger, signal)
  const { storage } = archiveEntries(settings.archive)
  await loader.assertGood([storage])
  return loader.openStorage(storage)
}

function emptyToUndefined(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}
