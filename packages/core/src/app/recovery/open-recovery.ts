import { nodeDisk } from '../../disk/node-disk.ts'
import { WalrError } from '../../errors/walr-error.ts'
import type { ArchiveSource } from '../../restore/archive-source.ts'
import type { DirectorySource } from '../../restore/directory-source.ts'
import type { SegmentOwner } from '../../restore/segment-owner.ts'
import { WalFetcher } from '../../restore/wal-fetcher.ts'
import type { WalSource } from '../../restore/wal-source.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { parseSystemIdentifier, type SystemIdentifier } from '../../wal/system-identifier.ts'
import type { WalSegmentSize } from '../../wal/wal-segment-size.ts'
import type { LazyArchive } from './lazy-archive.ts'
import type { RecoverySettings, ServeSettings } from './recovery-settings.ts'

export interface RecoveryContext {
  readonly logger: Logger
  /** Ends what was opened: no call of a plugin outlives it. */
  readonly signal: AbortSignal
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Sources of WAL, ready to be asked. Many requests may be under way at once. */
export interface OpenedRecovery extends AsyncDisposable {
  readonly fetcher: WalFetcher
  /** Whose WAL it is, as far as it is known without asking a storage or a server. */
  readonly systemIdentifier: SystemIdentifier | undefined
  /** In bytes, as far as it is known without asking a storage or a server. */
  readonly walSegmentSize: WalSegmentSize | undefined
  /** Files that decide what was opened; absolute. When one changes, what was opened is out of date. */
  readonly dependsOn: readonly string[]
  /**
   * Whose WAL it is, also as the archive says. A part that nobody can tell yet is undefined.
   * @throws WalrError when the archive cannot be asked, or has WAL of several systems.
   */
  identify(signal: AbortSignal): Promise<SegmentOwner>
}

/** A storage that is silent for longer is asked again. */
const LONGEST_STALL_MS = 30_000
const SHORTEST_STALL_MS = 1_000

/**
 * Makes the sources that the settings name, the freshest first: receive directory, archive; or another walr alone. The
 * configuration is loaded whole, and plugins and SDKs are, when the archive is needed for the first time.
 * @throws WalrError WALR_CONFIG, WALR_USAGE
 */
export async function openRecovery(settings: RecoverySettings, context: RecoveryContext): Promise<OpenedRecovery> {
  const systemIdentifier = parseSystemIdentifier(settings.systemIdentifier ?? '')
  if (settings.serve !== undefined) return openServe(settings.serve, systemIdentifier, context)
  const { directory, mayHaveArchive } = await places(settings, context)
  const { configPath } = settings
  const archive =
    mayHaveArchive && configPath !== undefined ? await lazyArchive(configPath, settings, context) : undefined
  const directorySource =
    directory === undefined ? undefined : await directorySourceOf(directory, settings, context, archive)
  const archiveSource = archive && (await archiveSourceOf(archive, settings, directorySource))
  const sources = [directorySource, archiveSource].filter((source) => source !== undefined)
  // What cannot be read now is told by the first request.
  const owner = await directorySource?.owner().catch(() => undefined)
  return {
    fetcher: new WalFetcher({ sources, logger: context.logger }),
    systemIdentifier: systemIdentifier ?? owner?.systemIdentifier,
    walSegmentSize: owner?.walSegmentSize,
    dependsOn: configPath === undefined ? [] : [configPath],
    identify: async (signal) => {
      const own = await directorySource?.owner()
      if (own?.systemIdentifier !== undefined && own.walSegmentSize !== undefined) return own
      const archived = await archiveSource?.owner(signal)
      return {
        systemIdentifier: own?.systemIdentifier ?? archived?.systemIdentifier ?? systemIdentifier,
        walSegmentSize: own?.walSegmentSize ?? archived?.walSegmentSize,
      }
    },
    [Symbol.asyncDispose]: async () => archive?.[Symbol.asyncDispose](),
  }
}

async function directorySourceOf(
  directory: string,
  settings: RecoverySettings,
  { logger }: RecoveryContext,
  archive: LazyArchive | undefined,
): Promise<DirectorySource> {
  const { DirectorySource } = await import('../../restore/directory-source.ts')
  return new DirectorySource({
    ...{ disk: nodeDisk, logger, directory },
    systemIdentifier: parseSystemIdentifier(settings.systemIdentifier ?? ''),
    archiveIsAsked: async () => (await archive?.open()) !== undefined,
    missingHint: missingHint(settings),
  })
}

async function archiveSourceOf(
  archive: LazyArchive,
  { configPath = '', systemIdentifier = '' }: RecoverySettings,
  directory: DirectorySource | undefined,
): Promise<ArchiveSource> {
  const { ArchiveSource } = await import('../../restore/archive-source.ts')
  const known = { systemIdentifier: parseSystemIdentifier(systemIdentifier), walSegmentSize: undefined }
  return new ArchiveSource({
    open: async () => {
      const opened = await archive.open()
      if (opened === undefined && directory === undefined) throw nothingNamed(configPath)
      return opened
    },
    owner: async () => {
      const owner = await directory?.owner().catch((error: unknown) => {
        // A directory that cannot be read does not hide what is archived of a cluster that is known.
        if (known.systemIdentifier === undefined) throw error
      })
      return owner ?? known
    },
    expectedArchiveId: async () => directory?.archiveId(),
  })
}

async function places(
  { configPath, directory, archiveOnly }: RecoverySettings,
  { environment }: RecoveryContext,
): Promise<{ readonly directory: string | undefined; readonly mayHaveArchive: boolean }> {
  if (configPath === undefined) return { directory, mayHaveArchive: false }
  // A directory that was named needs no configuration, as long as it has the file.
  if (directory !== undefined || archiveOnly) return { directory, mayHaveArchive: true }
  const { readReceiveDirectory } = await import('../../config/read-receive-directory.ts')
  const read = await readReceiveDirectory(configPath, environment)
  if (read.directory === undefined && !read.mayHaveArchive) throw nothingNamed(configPath)
  return read
}

function nothingNamed(configPath: string): WalrError {
  const text = `configuration file "${configPath}" names no receive directory and no archive`
  return new WalrError('WALR_CONFIG', text, { hint: 'Set archive.storage or receive.directory in it.' })
}

function missingHint({ directory }: RecoverySettings): string {
  if (directory !== undefined) {
    return 'Check that it is the receive directory, that it is mounted, and that this user may read it.'
  }
  return [
    'Check that it is mounted and that this user may read it.',
    'If it is on another machine, give --archive-only: what is only there is then lost to this recovery.',
  ].join(' ')
}

async function lazyArchive(
  configPath: string,
  { timeoutMs }: RecoverySettings,
  context: RecoveryContext,
): Promise<LazyArchive> {
  const { LazyArchive } = await import('./lazy-archive.ts')
  const stallTimeoutMs = Math.max(SHORTEST_STALL_MS, Math.min(LONGEST_STALL_MS, timeoutMs))
  return new LazyArchive({ ...context, configPath, stallTimeoutMs })
}

async function openServe(
  serve: ServeSettings,
  systemIdentifier: SystemIdentifier | undefined,
  { logger }: RecoveryContext,
): Promise<OpenedRecovery> {
  const { createServeSource } = await import('../../restore/serve-source.ts')
  const source = await createServeSource({ ...serve, disk: nodeDisk, systemIdentifier })
  const sources: readonly WalSource[] = [source]
  const { tokenFile, caFile, certFile, keyFile } = serve
  return {
    fetcher: new WalFetcher({ sources, logger }),
    systemIdentifier,
    walSegmentSize: undefined,
    dependsOn: [tokenFile, caFile, certFile, keyFile].filter((path) => path !== undefined),
    identify: () =>
      Promise.resolve({ systemIdentifier: systemIdentifier ?? source.systemIdentifier, walSegmentSize: undefined }),
    [Symbol.asyncDispose]: () => source[Symbol.asyncDispose](),
  }
}
