import { parentPort, workerData } from 'node:worker_threads'
import { setTimeout as delay } from 'node:timers/promises'
import { WalrError } from '../../errors/walr-error.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { sendError } from '../archive/archive-messages.ts'
import { openArchive, type OpenedArchive } from '../archive/open-archive.ts'
import { checkSegment } from './segment-check.ts'
import type { SegmentCheck, VerifyReport, VerifyRequest, VerifyThreadSettings } from './verify-messages.ts'

/** A thread that fetches, decodes and checks segments. `verify-pool.ts` is its other end. */
const port = parentPort
if (port === null) throw new WalrError('WALR_INTERNAL', 'the thread of a verification was not started as a thread')
const settings = workerData as VerifyThreadSettings
const stop = new AbortController()
const report = (message: VerifyReport): void => port.postMessage(message)

/** What plugins say was said when the archive was listed. */
const silence = (): void => undefined
const logger: Logger = { error: silence, warning: silence, notice: silence, info: silence, debug: silence }

const opening = open()
port.on('message', (request: VerifyRequest) => {
  if (request.type === 'end') void end()
  else void check(request.check)
})

/** Never rejects. @returns null when plugins or keys are not good, which has been reported. */
async function open(): Promise<OpenedArchive | undefined | null> {
  try {
    const archive = settings.archive && (await openArchive(settings.archive, { logger, signal: stop.signal }))
    report({ type: 'ready' })
    return archive
  } catch (error) {
    report({ type: 'failed', error: sendError(error) })
    return null
  }
}

async function check(segment: SegmentCheck): Promise<void> {
  const archive = await opening
  if (archive === null) return
  try {
    const wait = (ms: number): Promise<void> => delay(ms, undefined, { signal: stop.signal })
    report({ type: 'checked', outcome: await checkSegment(segment, { archive }, stop.signal, wait) })
  } catch (error) {
    if (!stop.signal.aborted) report({ type: 'broken', id: segment.id, error: sendError(error) })
  }
}

/** Without its port the thread has nothing left to wait for, and ends. */
async function end(): Promise<void> {
  stop.abort(new DOMException('the verification is ending', 'AbortError'))
  await (await opening)?.[Symbol.asyncDispose]()
  port?.close()
}
