import { connect } from 'node:net'
import { join, relative } from 'node:path'
import type { TreeDisk } from '../../disk/disk.ts'
import type { WalrError } from '../../errors/walr-error.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { firstLine } from './line-socket.ts'
import { isYoung, setMark } from './mark-file.ts'
import { givenPath, silentMark, type PrefetchPlace } from './prefetch-place.ts'
import { failureOf, parseReply, type PrefetchQuestion, type PrefetchReply } from './prefetch-protocol.ts'

/** What a client wants, and where. */
export interface PrefetchRequest extends PrefetchQuestion {
  /** Absolute; on the file system of `pg_wal`. */
  readonly targetPath: string
}

export interface AskContext {
  readonly disk: TreeDisk
  readonly logger: Logger
  readonly signal: AbortSignal
  /** Called while bytes come. */
  readonly progress: () => void
  /** A prefetcher that says nothing for so long is not waited for. */
  readonly silenceMs?: number
}

/** The prefetcher's answer; `direct`: it is there, and cannot help. */
export type PrefetchAnswer =
  { readonly kind: 'delivered' | 'absent' | 'direct' } | { readonly kind: 'failed'; readonly error: WalrError }

/** Two signs of life have not come; there must be time left for the direct way within a short `--timeout`. */
export const SILENCE_MS = 2000
/** One that was silent is not asked again before this. */
const SKIP_MS = 60_000

/**
 * Asks the prefetcher of a place for a file. What it delivers is at `targetPath` afterwards.
 * @returns undefined when there is none that works for this command line.
 * @throws the signal's reason. Nothing else: without an answer the caller does it by itself.
 */
export async function askPrefetcher(
  place: PrefetchPlace,
  request: PrefetchRequest,
  context: AskContext,
): Promise<PrefetchAnswer | undefined> {
  const { disk, signal, progress, silenceMs = SILENCE_MS } = context
  signal.throwIfAborted()
  const mark = join(place.workingDirectory, silentMark(place))
  if (await isYoung(disk, mark, SKIP_MS).catch(() => false)) return { kind: 'direct' }
  signal.throwIfAborted()
  const socket = connect(shortest(place))
  const stop = (): void => void socket.destroy()
  signal.addEventListener('abort', stop, { once: true })
  const silent = new AbortController()
  const silence = setTimeout(() => {
    silent.abort()
    stop()
  }, silenceMs)
  const refused = new Promise<'refused'>((resolve) => {
    socket.once('error', () => resolve('refused'))
  })
  const connected = new Promise<'connected'>((resolve) => {
    socket.once('connect', () => resolve('connected'))
    socket.once('close', () => resolve('connected'))
  })
  try {
    if ((await Promise.race([refused, connected])) === 'refused') return undefined
    signal.throwIfAborted()
    const { identity, name, partial, atGap } = request
    const question: PrefetchQuestion = { identity, name, partial, atGap }
    socket.write(`${JSON.stringify(question)}\n`)
    const line = await firstLine(socket, (hasProgress) => {
      silence.refresh()
      if (hasProgress) progress()
    })
    clearTimeout(silence)
    signal.throwIfAborted()
    if (silent.signal.aborted) await setMark(disk, mark)
    const reply = line === undefined ? undefined : parseReply(line)
    if (reply === undefined) return { kind: 'direct' }
    return await settle(reply, place, request, context)
  } finally {
    clearTimeout(silence)
    signal.removeEventListener('abort', stop)
    socket.destroy()
  }
}

/** The file is taken before the connection ends: then the prefetcher removes what was not taken. */
async function settle(
  reply: PrefetchReply,
  place: PrefetchPlace,
  request: PrefetchRequest,
  { disk, logger }: AskContext,
): Promise<PrefetchAnswer | undefined> {
  for (const { message, hint } of reply.warnings) logger.warning(message, { hint })
  switch (reply.kind) {
    case 'delivered':
      try {
        await disk.rename(join(place.workingDirectory, givenPath(place.generation, reply.given)), request.targetPath)
        return { kind: 'delivered' }
      } catch {
        return { kind: 'direct' }
      }
    case 'failed':
      return { kind: 'failed', error: failureOf(reply.failure) }
    case 'ending':
      return undefined
    case 'absent':
    case 'direct':
      return { kind: reply.kind }
  }
}

/** The address of a socket has 108 bytes at most, and data directories may be deep. */
function shortest({ workingDirectory, socket }: PrefetchPlace): string {
  const path = join(workingDirectory, socket)
  const fromHere = relative(process.cwd(), path)
  return fromHere.length < path.length ? fromHere : path
}
