import { parentPort, workerData } from 'node:worker_threads'
import { findArchiveEnd } from '../../archive/archive-end.ts'
import { readArchiveSeam } from '../../archive/archive-seam.ts'
import { archiveFailure } from '../../archive/archive-error.ts'
import { ArchiveInventory } from '../../archive/archive-inventory.ts'
import { ArchiveLayout } from '../../archive/archive-layout.ts'
import { Archiver } from '../../archive/archiver.ts'
import { systemClock } from '../../archive/clock.ts'
import { nodeDisk } from '../../disk/node-disk.ts'
import { isWalrError, WalrError } from '../../errors/walr-error.ts'
import { loggerTo } from '../../telemetry/logger-to.ts'
import type { DirectoryIdentity } from '../../wal/directory-identity.ts'
import { giveWayToTheStream } from '../give-way-to-the-stream.ts'
import { sendError, type ArchiveReport, type ArchiveRequest, type ArchiveThreadSettings } from './archive-messages.ts'
import { openArchive, type OpenedArchive } from './open-archive.ts'

/**
 * The archive's thread: everything between a finished segment and its confirmed object happens here, so that it cannot
 * slow the stream (law 7). `archive-thread.ts` is its other end.
 */
const port = parentPort
if (port === null) throw new WalrError('WALR_INTERNAL', 'the archive thread was not started as a thread')
const settings = workerData as ArchiveThreadSettings
const stop = new AbortController()
const report = (message: ArchiveReport): void => port.postMessage(message)

const logger = loggerTo((level, message, extra) => report({ type: 'log', level, message, extra }))

/** Plugins and keys that take longer are named to the log. */
const SLOW_MS = 10_000

giveWayToTheStream()
let archiver: Archiver | undefined
let draining = false
let isGuardLost = false
let running: Promise<void> = Promise.resolve()
const opening = open()
// A port that nobody listens to does not keep its thread alive, whatever a plugin waits for.
port.on('message', (request: ArchiveRequest) => {
  if (request.type === 'abort') stop.abort(new DOMException('walr is stopping', 'AbortError'))
  void opening.then((archive) => archive && answer(archive, request))
})

/** Never rejects. @returns undefined when plugins or keys are not good, which has been reported. */
async function open(): Promise<OpenedArchive | undefined> {
  const slow = setTimeout(() => {
    logger.warning(`plugins and keys of the archive have not answered for ${SLOW_MS / 1000} s`, {
      code: 'WALR_PLUGIN',
      hint: 'Nothing is received before they are known to be good.',
    })
  }, SLOW_MS)
  try {
    const { openTimeoutMs } = settings
    // The archiver tries again by itself, and for ever.
    const calls = { attempts: 1, ...(openTimeoutMs !== undefined && { openTimeoutMs }) }
    const archive = await openArchive(settings, { logger, signal: stop.signal, calls })
    report({ type: 'ready' })
    return archive
  } catch (error) {
    report({ type: 'failed', error: sendError(error) })
    return undefined
  } finally {
    clearTimeout(slow)
  }
}

function answer(archive: OpenedArchive, request: ArchiveRequest): void {
  switch (request.type) {
    case 'begin':
      archiver ??= begin(archive, request.identity)
      return
    case 'hint':
      archiver?.hint()
      return
    case 'guard':
      isGuardLost = request.isLost
      archiver?.setGuardLost(isGuardLost)
      return
    case 'find-end':
      void findEnd(archive, request)
      return
    case 'drain':
      draining = true
      archiver?.drain()
      void running.then(() => close(archive))
      return
    case 'abort':
      void running.then(() => close(archive))
      return
  }
}

function begin({ storage, codecs }: OpenedArchive, identity: DirectoryIdentity): Archiver {
  const { directory, cluster, archive } = settings
  const made = new Archiver({
    disk: nodeDisk,
    directory,
    cluster,
    identity,
    storage,
    codecs,
    concurrency: archive.concurrency,
    keepLocalMs: archive.keepLocal.ms,
    guarded: settings.guarded,
    logger,
    clock: systemClock,
    onStatus: (status) => report({ type: 'status', status }),
  })
  made.setGuardLost(isGuardLost)
  if (draining) made.drain()
  running = made.run(stop.signal)
  return made
}

/** Never rejects. */
async function findEnd(
  { storage, codecs }: OpenedArchive,
  { id, server, identity }: ArchiveRequest & { readonly type: 'find-end' },
): Promise<void> {
  const { systemIdentifier, walSegmentSize } = identity
  const layout = new ArchiveLayout(settings.cluster, systemIdentifier)
  try {
    const inventory = new ArchiveInventory(storage, layout, walSegmentSize)
    const end = await findArchiveEnd(inventory, server, walSegmentSize, stop.signal)
    const reader = { storage, codecs, layout, inventory, walSegmentSize, logger }
    const seam = end && (await readArchiveSeam(reader, server, stop.signal))
    report({ type: 'end', id, end: end && { ...end, seam } })
  } catch (error) {
    const sent = isWalrError(error) ? error : archiveFailure('look into the archive', error).error
    report({ type: 'end-failed', id, error: sendError(sent) })
  }
}

/** Without its port the thread has nothing left to wait for, and ends. */
async function close(archive: OpenedArchive): Promise<void> {
  stop.abort(new DOMException('walr is stopping', 'AbortError'))
  await archive[Symbol.asyncDispose]()
  port?.close()
}
