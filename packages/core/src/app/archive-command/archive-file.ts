import { join } from 'node:path'
import { ACKNOWLEDGEMENTS_FOLDER, Acknowledgements } from '../../archive/acknowledgements.ts'
import { systemClock } from '../../archive/clock.ts'
import { LookAhead, type LookAheadOptions } from '../../archive/look-ahead.ts'
import { duringOutages, type Patience } from '../../archive/patience.ts'
import { readArchiveNotes } from '../../archive/ready-files.ts'
import { ServerArchiver } from '../../archive/server-archiver.ts'
import { readServerIdentity } from '../../archive/server-identity.ts'
import { loadConfig } from '../../config/load-config.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { systemErrorText } from '../../errors/system-error.ts'
import { isWalrError, WalrError } from '../../errors/walr-error.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { openArchive, type OpenedArchive } from '../archive/open-archive.ts'
import { configuredArchive, type ArchiveOptions } from '../receive-options/configured-options.ts'
import type { ArchiveTarget } from './archive-target.ts'
import { readCircumstances, type CallSettings } from './circumstances.ts'

export interface ArchiveFileOptions extends CallSettings, ArchiveTarget {
  readonly timeoutMs: number
  readonly jobs: number
  /** As they were before the configuration was read; undefined when nothing can be left for later calls. */
  readonly circumstances: string | undefined
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** A storage that says nothing is taken to be away. */
const STALL_MS = { least: 5000, most: 60_000 } as const

/**
 * Archives a file of pg_wal, and ahead of them those that PostgreSQL will ask for next. When it resolves, the storage has
 * confirmed the file.
 * @throws WalrError; the reason of `signal`.
 */
export async function archiveFile(options: ArchiveFileOptions): Promise<void> {
  const { file, logger, signal, timeoutMs } = options
  const patience: Patience = { untilMs: systemClock.nowMs() + timeoutMs, clock: systemClock, logger }
  const described = await readArchiveOptions(options)
  const identity = await readServerIdentity(nodeDisk, options, file.name)
  const stallTimeoutMs = Math.min(STALL_MS.most, Math.max(STALL_MS.least, timeoutMs))
  // Attempts are repeated here, where a file is read anew for each.
  await using archive = await openArchive(described, { logger, signal, calls: { attempts: 1, stallTimeoutMs } })
  const make = (log: Logger): ServerArchiver =>
    new ServerArchiver({ disk: nodeDisk, ...options, ...described, ...archiveParts(archive), identity, logger: log })
  const archiver = make(logger)
  await duringOutages('look into the archive', () => archiver.begin(signal), patience, signal)
  const own = duringOutages(`archive "${file.name}"`, () => archiver.archive(file, signal), patience, signal)
  // It may fail before anybody waits for it.
  own.catch(() => undefined)
  const ahead = await beginAhead(options, aheadArchiver(make(quiet(logger)), archiver), own)
  try {
    await own
    logger.info(`archived "${file.name}"`)
  } catch (error) {
    if (isWalrError(error, 'WALR_ARCHIVE_UNAVAILABLE', 'WALR_ARCHIVE_REFUSED')) ahead.stop()
    throw error
  } finally {
    await ahead.ended
  }
}

function archiveParts({ storage, codecs }: OpenedArchive): Pick<OpenedArchive, 'storage' | 'codecs'> {
  return { storage, codecs }
}

async function readArchiveOptions({
  configPath,
  environment,
  workingDirectory,
}: ArchiveFileOptions): Promise<ArchiveOptions> {
  const loaded = await loadConfig({ path: configPath, environment, workingDirectory, search: false })
  const described = configuredArchive(loaded)
  if (described) return described
  const where = loaded.file === undefined ? 'no configuration file is named' : `"${loaded.file}" describes no archive`
  throw new WalrError('WALR_CONFIG', where, {
    hint: 'Give --config FILE or set WALR_CONFIG, and describe the storage under "archive" in that file.',
  })
}

/** Archiving ahead, while it lasts. */
interface Ahead {
  /** Never rejects. */
  readonly ended: Promise<void>
  stop(): void
}

/** Says what it does to its own logger, and works for the archive that `begun` has found. */
function aheadArchiver(archiver: ServerArchiver, begun: ServerArchiver): LookAheadOptions['archiver'] {
  return { archive: (file, signal) => archiver.archive(file, signal), archiveId: begun.archiveId }
}

async function beginAhead(
  options: ArchiveFileOptions,
  archiver: LookAheadOptions['archiver'],
  own: Promise<void>,
): Promise<Ahead> {
  const { walDirectory, jobs, file, logger, signal, circumstances } = options
  // What was read in between may be of either configuration.
  const isSteady = circumstances !== undefined && (await readCircumstances(nodeDisk, options)) === circumstances
  if (!isSteady) return NOTHING_AHEAD
  const stop = new AbortController()
  const acknowledgements = new Acknowledgements({ disk: nodeDisk, walDirectory, circumstances })
  if (!(await isPrepared(acknowledgements, archiver, options))) return NOTHING_AHEAD
  const shared = { disk: nodeDisk, walDirectory, acknowledgements, logger, clock: systemClock }
  const lookAhead = new LookAhead({ ...shared, archiver, ownName: file.name, jobs })
  const ended = lookAhead.run(own, AbortSignal.any([signal, stop.signal]))
  return { ended, stop: () => stop.abort(new DOMException('the storage is away', 'AbortError')) }
}

const NOTHING_AHEAD: Ahead = { ended: Promise.resolve(), stop: () => undefined }

/** Never rejects: without acknowledgements PostgreSQL's files are archived one by one. */
async function isPrepared(
  acknowledgements: Acknowledgements,
  { archiveId }: LookAheadOptions['archiver'],
  { walDirectory, logger }: ArchiveFileOptions,
): Promise<boolean> {
  try {
    // First: what was left for an archive that is gone would be believed without asking this one.
    await acknowledgements.withdrawAllBut(archiveId)
    const { known } = await readArchiveNotes(nodeDisk, walDirectory)
    await acknowledgements.prepare(known)
    return true
  } catch (error) {
    logger.warning(`could not prepare "${join(walDirectory, ACKNOWLEDGEMENTS_FOLDER)}": ${systemErrorText(error)}`, {
      hint: 'Files are archived one by one. If walr was run there as another user, remove the folder.',
    })
    return false
  }
}

/** What goes wrong ahead of time is told by the file's own call. */
function quiet(logger: Logger): Logger {
  const debug: Logger['debug'] = (message, extra) => logger.debug(message, extra)
  return { error: debug, warning: debug, notice: debug, info: debug, debug }
}
