import type { IncomingMessage, ServerResponse } from 'node:http'
import { isWalrError, WalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { reportError } from '../telemetry/report-error.ts'
import type { WalCopy } from '../restore/wal-source.ts'
import type { SystemIdentifier } from '../wal/system-identifier.ts'
import { openCopy, type OpenedCopy } from './copy-opening.ts'
import type { DamagedCopies } from './damaged-copies.ts'
import { problemOf, sendProblem, unknownNow, unservedArchive, type HttpProblem } from './http-problem.ts'
import type { WalTarget } from './request-target.ts'
import type { SeldomLog } from './seldom-log.ts'
import { LostReader, sendBody, SlowReader } from './send-body.ts'
import type { ServedWal, WalSupply } from './wal-supply.ts'

/** What all answers share. */
export interface WalAnswerOptions {
  readonly supply: WalSupply
  readonly logger: Logger
  readonly seldom: SeldomLog
  readonly damaged: DamagedCopies
  /** So long may looking for a copy take. */
  readonly lookupMs: number
  /** So long may a client take for a piece of a body. */
  readonly idleMs: number
}

const DAMAGE = [
  ...(['WALR_SEGMENT_CORRUPT', 'WALR_OBJECT_CORRUPT', 'WALR_TIMELINE', 'WALR_KEY'] as const),
  ...(['WALR_WRONG_CLUSTER', 'WALR_WRONG_SEGMENT_SIZE'] as const),
] as const

/** The answer to one GET or HEAD of WAL. */
export class WalAnswer {
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #target: WalTarget
  readonly #options: WalAnswerOptions
  readonly #stop = new AbortController()

  constructor(request: IncomingMessage, response: ServerResponse, target: WalTarget, options: WalAnswerOptions) {
    this.#request = request
    this.#response = response
    this.#target = target
    this.#options = options
  }

  /** Resolves when the answer was given or has become impossible. Never rejects. */
  async give(): Promise<void> {
    const gone = (): void => this.#stop.abort(new DOMException('the client is gone', 'AbortError'))
    this.#response.once('close', gone)
    const { lookupMs, seldom, logger } = this.#options
    const { name } = this.#target.wanted
    const late = setTimeout(() => {
      const text = `"${name}" was not found or missed within ${lookupMs / 1000} s`
      if (!this.#response.headersSent) this.#stop.abort(new WalrError('WALR_SERVE_UNAVAILABLE', text))
    }, lookupMs)
    try {
      await this.#look()
    } catch (error) {
      if (this.#response.headersSent || this.#response.destroyed) return
      const known = this.#stop.signal.aborted ? (this.#stop.signal.reason as unknown) : error
      if (isWalrError(known)) seldom.warning(known)
      else reportError(logger, known, 1)
      this.#refuse(problemOf(name, known))
    } finally {
      clearTimeout(late)
      this.#response.off('close', gone)
      // Whatever still works for this answer has nobody to work for.
      this.#stop.abort(new DOMException('the request is answered', 'AbortError'))
    }
  }

  async #look(): Promise<void> {
    const { wanted, partial } = this.#target
    const served = await this.#options.supply.open()
    const other = otherCluster(this.#target, served.systemIdentifier)
    if (other) {
      this.#refuse(other)
      return
    }
    const take = (copy: WalCopy): Promise<void> => this.#take(copy, served)
    try {
      const outcome = await served.fetcher.fetch({ wanted, partial, atGap: 'stop' }, take, this.#stop.signal)
      if (outcome === 'absent') await this.#sayAbsent(served, false)
    } catch (error) {
      // What that means for its recovery is for the client to say.
      if (isWalrError(error, 'WALR_WAL_GAP')) await this.#sayAbsent(served, true)
      else if (isWalrError(error, 'WALR_ARCHIVE_UNAVAILABLE') && served.lacksArchive === true) {
        this.#options.seldom.warning(error)
        this.#refuse(unservedArchive(wanted.name))
      } else throw error
    }
  }

  /** Without a word on whose WAL it is missing from, it would say nothing. */
  async #sayAbsent(served: ServedWal, isFollowed: boolean): Promise<void> {
    const { name } = this.#target.wanted
    const own = served.systemIdentifier ?? (await served.identify(this.#stop.signal))
    if (own === undefined) this.#refuse(unknownOwner(name))
    else this.#refuse(otherCluster(this.#target, own) ?? absent(name, own, isFollowed))
  }

  /** Sends this copy. One that cannot be read from its beginning is the fetcher's to replace. */
  async #take(copy: WalCopy, served: ServedWal): Promise<void> {
    const { wanted } = this.#target
    const { signal } = this.#stop
    // The answer that was broken off has no place for another copy.
    if (this.#response.headersSent || this.#response.destroyed) throw new Error('the answer was given already')
    if (this.#options.damaged.has(copy)) await readWhole(copy, signal)
    const opened = await openCopy(copy, wanted, signal)
    try {
      const systemIdentifier = served.systemIdentifier ?? opened.systemIdentifier
      const refusal =
        systemIdentifier === undefined ? unknownOwner(wanted.name) : otherCluster(this.#target, systemIdentifier)
      if (refusal || systemIdentifier === undefined) this.#refuse(refusal ?? unknownOwner(wanted.name))
      else await this.#send(copy, opened, systemIdentifier)
    } finally {
      await opened.close()
    }
  }

  async #send(copy: WalCopy, opened: OpenedCopy, systemIdentifier: SystemIdentifier): Promise<void> {
    const { headers, method } = this.#request
    const response = this.#response
    const { kind, name } = this.#target.wanted
    const { isUnfinished } = copy
    // A finished segment never changes; all else may, and must not be kept anywhere.
    const etag = kind === 'segment' && !isUnfinished ? `"${systemIdentifier}-${name}"` : undefined
    const common = {
      'walr-system-identifier': systemIdentifier,
      'walr-unfinished': String(isUnfinished),
      'cache-control': etag === undefined ? 'no-store' : 'private, no-cache',
      ...(etag !== undefined && { etag }),
    }
    if (etag !== undefined && matches(headers['if-none-match'], etag)) {
      response.writeHead(304, common).end()
      return
    }
    response.writeHead(200, {
      ...common,
      'content-type': 'application/octet-stream',
      'content-length': opened.size,
    })
    if (method === 'HEAD') response.end()
    else await this.#sendBody(copy, opened)
  }

  /** Behind the headers there is no other copy any more: what goes wrong here ends the connection. Never rejects. */
  async #sendBody(copy: WalCopy, { size, bytes }: OpenedCopy): Promise<void> {
    const { description } = copy
    const { idleMs, damaged, logger, seldom } = this.#options
    const { signal } = this.#stop
    try {
      await sendBody(this.#response, bytes, { size, description, idleMs, signal })
    } catch (error) {
      this.#response.destroy()
      if (signal.aborted || error instanceof LostReader) return
      if (error instanceof SlowReader) logger.info(`"${this.#target.wanted.name}": ${error.message}; it was cut`)
      else if (isWalrError(error, ...DAMAGE)) {
        // The open segment is another one in the next moment.
        if (!copy.isUnfinished) damaged.remember(copy)
        const { code, hint } = error
        logger.error(`${description} is damaged; the client was cut in the middle of it: ${error.message}`, {
          code,
          hint,
        })
      } else if (isWalrError(error)) seldom.warning(error)
      else reportError(logger, error, 1)
    }
  }

  #refuse(problem: HttpProblem): void {
    sendProblem(this.#request, this.#response, problem)
  }
}

/** A copy that was bad is read to its end before any of it is sent: when it is bad still, this rejects, and another one is tried. */
async function readWhole(copy: WalCopy, signal: AbortSignal): Promise<void> {
  const chunks = copy.open(signal)[Symbol.asyncIterator]()
  while ((await chunks.next()).done !== true) signal.throwIfAborted()
}

/** @returns undefined when it is not known to be another one. */
function otherCluster({ systemIdentifier }: WalTarget, own: SystemIdentifier | undefined): HttpProblem | undefined {
  if (systemIdentifier === undefined || own === undefined || systemIdentifier === own) return undefined
  return {
    status: 409,
    code: 'WALR_WRONG_CLUSTER',
    message: `WAL of the cluster ${own} is served here, not of ${systemIdentifier}`,
    hint: 'Name the address of the walr that serves this cluster.',
    headers: { 'walr-system-identifier': own },
  }
}

function absent(name: string, own: SystemIdentifier, isFollowed: boolean): HttpProblem {
  return {
    status: 404,
    code: 'ABSENT',
    message: `"${name}" is certainly not here`,
    headers: { 'walr-system-identifier': own, ...(isFollowed && { 'walr-followed': 'true' }) },
  }
}

function unknownOwner(name: string): HttpProblem {
  const text = `whether "${name}" is here is not known: nobody knows yet whose WAL is served`
  return unknownNow('WALR_SERVE_UNAVAILABLE', text, 'Give "walr serve" the option --system-identifier.')
}

function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  const tags = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes('*') || tags.includes(etag)
}
