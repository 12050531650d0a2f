import type { ConnectionSettings } from '../config/libpq/connection-settings.ts'
import { resolveConnectionSettings } from '../config/libpq/resolve-connection-settings.ts'
import { lockDirectory } from '../disk/directory-lock.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { EXIT_CODES } from '../errors/exit-codes.ts'
import { isWalrError, WalrError } from '../errors/walr-error.ts'
import { connectReplication } from '../replication/connection/connect-replication.ts'
import type { ReplicationConnection } from '../replication/connection/replication-connection.ts'
import { ReceiverStateHolder } from '../replication/receiver-state.ts'
import { createSlot, dropSlot, ensureSlot } from '../replication/replication-slot.ts'
import { probeSlot } from '../replication/slot-probe.ts'
import { Disconnected, WalReceiver } from '../replication/wal-receiver.ts'
import type { Logger } from '../telemetry/logger.ts'
import { reportError } from '../telemetry/report-error.ts'
import { DiskRoom } from '../wal/disk-room.ts'
import { NO_ARCHIVE, reportedReceiver, StatusFile } from './archive/status-file.ts'
import { ReceiveArchive, type ReceiveArchiveOptions } from './archive/receive-archive.ts'
import { directoryIdentityGuard } from './directory-identity-guard.ts'
import type { ArchiveOptions } from './receive-options/configured-options.ts'
import type { ReceiveOptions } from './receive-options/receive-options.ts'
import type { HttpStatus } from './serve/http-status.ts'
import type { ReceiveHttp, ReceiveHttpSettings } from './serve/receive-http.ts'
import { askPassword } from './terminal-password.ts'

/** What the program gives the daemon. */
export interface ReceiveContext {
  readonly logger: Logger
  /** Aborted to stop in good order. */
  readonly signal: AbortSignal
}

/** What the receiver and those beside it are built from. */
interface ReceiverParts extends ReceiveContext {
  readonly directory: string
  readonly connect: Connect
  readonly connectSql: ReceiveArchiveOptions['connectSql']
  readonly state: ReceiverStateHolder
  readonly room: DiskRoom
  readonly report: (error: unknown) => void
}

/** Running downloads may go on for so long. */
const HTTP_GRACE_MS = 10_000

type Connect = (signal: AbortSignal, database?: string) => Promise<ReplicationConnection>

/**
 * Runs `walr receive`: locks the directory, builds everything, and receives until the end position or until `signal`.
 * @returns the exit code.
 * @throws WalrError for what could not be done; lost streams are reported to the log and tried again.
 */
export async function runReceive(options: ReceiveOptions, context: ReceiveContext): Promise<number> {
  const settings = await resolveConnectionSettings({
    options: options.connection,
    environment: process.env,
    fallbackApplicationName: 'walr',
    logger: context.logger,
  })
  const connect = connector(settings, context)
  if (options.action !== 'receive') return changeSlot(options, connect, context)
  if (options.directory === undefined) throw new WalrError('WALR_INTERNAL', 'receive without a directory')
  const lock = await lockDirectory(options.directory)
  try {
    return await receive(options, options.directory, { connect, settings, ...context })
  } finally {
    await lock.release()
  }
}

/** A password that was typed is kept for the life of the process. */
function connector(settings: ConnectionSettings, { logger }: ReceiveContext): Connect {
  let password: string | undefined
  return (signal, database) =>
    connectReplication(settings, {
      logger,
      signal,
      askPassword: (prompt) => askPassword(prompt, signal),
      password,
      sqlDatabase: database,
      onPassword: (typed) => (password = typed),
    })
}

async function changeSlot(
  options: ReceiveOptions,
  connect: Connect,
  { logger, signal }: ReceiveContext,
): Promise<number> {
  const name = options.slot ?? ''
  const connection = await connect(signal)
  try {
    if (options.action === 'drop-slot') {
      logger.info(`dropping replication slot "${name}"`)
      await dropSlot(connection, name)
    } else {
      logger.info(`creating replication slot "${name}"`)
      const created = await createSlot(connection, name, options.ifNotExists)
      if (!created) logger.info(`replication slot "${name}" exists already`)
    }
    return EXIT_CODES.success
  } finally {
    await connection.close()
  }
}

async function receive(
  options: ReceiveOptions,
  directory: string,
  context: ReceiveContext & { readonly connect: Connect; readonly settings: ConnectionSettings },
): Promise<number> {
  const { logger, signal, connect, settings } = context
  const state = new ReceiverStateHolder(logger)
  const report = (error: unknown): void => reportError(logger, error, options.verbosity)
  const room = new DiskRoom({
    disk: nodeDisk,
    directory,
    signal,
    listener: {
      onFull: (error) => {
        report(error)
        state.set('blocked', error.message)
      },
      onRoom: () => {
        logger.notice(`there is room again in "${directory}", going on`)
        state.set('streaming', 'there is room again')
      },
    },
  })
  const connectSql = (ending: AbortSignal): Promise<ReplicationConnection> =>
    connect(ending, settings.databaseName ?? 'postgres')
  const parts = { ...context, directory, connectSql, state, room, report }
  const http = options.http && (await startHttp(options.http, parts))
  if (options.http && !http) return EXIT_CODES.success
  try {
    return await receiveBeside(options, http, parts)
  } finally {
    await http?.stop(HTTP_GRACE_MS)
  }
}

async function receiveBeside(
  options: ReceiveOptions,
  http: ReceiveHttp | undefined,
  parts: ReceiverParts,
): Promise<number> {
  const { directory, connectSql, state, room, report, logger, signal } = parts
  const httpStatus = (): HttpStatus | undefined => http?.status
  const archive = options.archive && (await startArchive(options, options.archive, { ...parts, httpStatus }))
  const statusFile = http && !options.archive ? statusWithoutArchive(directory, state, httpStatus) : undefined
  http?.onStatus(() => (archive ?? statusFile)?.changed())
  const identity = directoryIdentityGuard(nodeDisk, directory)
  const watched = archive?.watch(identity) ?? identity
  const receiver = new WalReceiver({
    ...options,
    disk: nodeDisk,
    directory,
    room,
    logger,
    state,
    report,
    stop: signal,
    connect: slotEnsuring(options, archive, parts),
    identity: http?.watch(watched) ?? watched,
    probeSlot: (name) => probeSlot(name, () => connectSql(signal)),
    findArchiveEnd: archive?.findEnd,
    onFileFinished: () => archive?.hint(),
  })
  try {
    await receiver.run()
    return receiver.missingWal ? EXIT_CODES.gap : EXIT_CODES.success
  } catch (error) {
    if (error instanceof Disconnected) {
      logger.error(error.message)
      return EXIT_CODES.failure
    }
    if (isWalrError(error, 'WALR_WAL_GAP', 'WALR_SLOT_INVALID')) return EXIT_CODES.gap
    throw error
  } finally {
    await Promise.all([http?.stop(HTTP_GRACE_MS), archive?.stop(options.archive?.archive.drainTimeout.ms ?? 0)])
    await statusFile?.close()
  }
}

/** Before anything else: an address that is in use ends walr. @returns undefined when walr is to stop. */
async function startHttp(
  settings: ReceiveHttpSettings,
  { directory, logger, signal }: Pick<ReceiverParts, 'directory' | 'logger' | 'signal'>,
): Promise<ReceiveHttp | undefined> {
  // Most walrs serve nothing, and shall not carry it in their memory.
  const { ReceiveHttp: Http } = await import('./serve/receive-http.ts')
  const environment = process.env
  return unlessStopped(signal, Http.start({ disk: nodeDisk, directory, settings, environment, logger, signal }))
}

/** With an archive its own status has all of it. */
function statusWithoutArchive(
  directory: string,
  state: ReceiverStateHolder,
  httpStatus: () => HttpStatus | undefined,
): StatusFile {
  return new StatusFile(nodeDisk, directory, () => ({
    receiver: reportedReceiver(state.status),
    archive: NO_ARCHIVE,
    guard: undefined,
    http: httpStatus(),
  }))
}

/** @returns undefined when that is why it rejects. */
async function unlessStopped<T>(signal: AbortSignal, started: Promise<T>): Promise<T | undefined> {
  try {
    return await started
  } catch (error) {
    if (signal.aborted && error === signal.reason) return undefined
    throw error
  }
}

/** @returns undefined when walr is to stop: then nothing will be received. */
async function startArchive(
  { slot, guardSlot, acceptGap }: ReceiveOptions,
  archiveOptions: ArchiveOptions,
  context: Pick<ReceiveArchiveOptions, 'directory' | 'connectSql' | 'state' | 'httpStatus' | 'logger' | 'signal'>,
): Promise<ReceiveArchive | undefined> {
  const { directory, connectSql, state, httpStatus, logger, signal } = context
  const common = { disk: nodeDisk, directory, connectSql, state, httpStatus, logger, signal }
  return unlessStopped(signal, ReceiveArchive.start({ ...common, options: archiveOptions, slot, guardSlot, acceptGap }))
}

/** With each connection the slots are made that the configuration wants: after a failover the new server has none. */
function slotEnsuring(
  { createSlot: wanted, slot }: ReceiveOptions,
  archive: ReceiveArchive | undefined,
  { connect, logger }: Pick<ReceiveContext, 'logger'> & { readonly connect: Connect },
): Connect {
  return async (signal) => {
    const connection = await connect(signal)
    try {
      if (wanted && slot !== undefined && (await ensureSlot(connection, slot))) {
        logger.notice(`created replication slot "${slot}"`)
      }
      await archive?.ensureGuardSlot()
      return connection
    } catch (error) {
      await connection.close()
      throw error
    }
  }
}
