import type { IncomingMessage } from 'node:http'
import type { Disk } from '../disk/disk.ts'
import { systemErrorText } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'
import { readSmallFile } from '../wal/read-whole-file.ts'
import type { SystemIdentifier } from '../wal/system-identifier.ts'
import type { WalFileName } from '../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import { checkedFile } from './checked-file.ts'
import { parseServeAddress } from './serve-address.ts'
import { readAnswer, type ServedFile } from './serve-answer.ts'
import { responseBytes, ServeClient, type ServeAccess } from './serve-client.ts'
import { VanishedFile } from './vanished-file.ts'
import type { WalCopy, WalSource } from './wal-source.ts'
import type { WantedFile, WantedSegment } from './wanted-file.ts'

/** Which `walr serve`, and whose WAL is wanted of it. */
export interface ServeSourceOptions {
  /** Reads the files named here. */
  readonly disk: Disk
  readonly url: string
  readonly tokenFile?: string | undefined
  readonly caFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  /** When it is not known, that of the first answer has to be that of all. */
  readonly systemIdentifier: SystemIdentifier | undefined
  readonly walSegmentSize?: WalSegmentSize | undefined
  /** Nothing heard for so long, or next to nothing of a body in so long, is a lost connection. */
  readonly silenceMs?: number
  readonly trickleMs?: number
}

/** A {@link WalSource} with connections. */
export interface ServeSource extends WalSource, AsyncDisposable {
  /** Whose WAL it is, once that is known. */
  readonly systemIdentifier: SystemIdentifier | undefined
}

const SILENCE_MS = 30_000
const TRICKLE_MS = 30_000

/**
 * Another walr as a source of WAL. Nothing is connected to yet.
 * @throws WalrError WALR_USAGE for the address; WALR_CONFIG for a file that is not what it should be
 */
export async function createServeSource(options: ServeSourceOptions): Promise<ServeSource> {
  const { disk, url, tokenFile, caFile, certFile, keyFile } = options
  const address = parseServeAddress(url)
  if (!address.secure && (caFile ?? certFile ?? keyFile) !== undefined) {
    throw new WalrError('WALR_USAGE', `the address "${url}" has no TLS, but certificates for it were given`, {
      hint: 'Write it with "https:".',
    })
  }
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new WalrError('WALR_USAGE', '--serve-cert and --serve-key need each other')
  }
  const access: ServeAccess = {
    address,
    token: tokenFile === undefined ? undefined : toToken(tokenFile, await readFile(disk, tokenFile)),
    ca: caFile === undefined ? undefined : await readFile(disk, caFile),
    cert: certFile === undefined ? undefined : await readFile(disk, certFile),
    key: keyFile === undefined ? undefined : await readFile(disk, keyFile),
    silenceMs: options.silenceMs ?? SILENCE_MS,
    trickleMs: options.trickleMs ?? TRICKLE_MS,
  }
  return new RemoteWal(access, new ServeClient(access), options.systemIdentifier, options.walSegmentSize)
}

class RemoteWal implements ServeSource {
  readonly description: string
  readonly #access: ServeAccess
  readonly #client: ServeClient
  readonly #walSegmentSize: WalSegmentSize | undefined
  readonly #followed: WeakSet<WantedFile> = new WeakSet<WantedFile>()
  #systemIdentifier: SystemIdentifier | undefined

  constructor(
    access: ServeAccess,
    client: ServeClient,
    systemIdentifier: SystemIdentifier | undefined,
    walSegmentSize: WalSegmentSize | undefined,
  ) {
    this.#access = access
    this.#client = client
    this.#systemIdentifier = systemIdentifier
    this.#walSegmentSize = walSegmentSize
    this.description = `walr serve at ${access.address.text}`
  }

  get systemIdentifier(): SystemIdentifier | undefined {
    return this.#systemIdentifier
  }

  async *finished(wanted: WantedFile, signal: AbortSignal): AsyncGenerator<WalCopy, void, undefined> {
    const request: ServeRequest = { wanted, partial: 'never' }
    const first = await this.#ask(request, signal)
    if (first.file.kind === 'absent') {
      if (first.file.isFollowed) this.#followed.add(wanted)
      return
    }
    // An unfinished segment that is asked for by its own name is one.
    if (first.file.isUnfinished && wanted.kind !== 'partial') {
      first.response.destroy()
      throw this.#refused('gave an unfinished segment where a finished one was asked for')
    }
    const copy = this.#copy(request, first)
    try {
      yield copy
    } finally {
      copy.drop()
    }
  }

  async unfinished(walFileName: WalFileName, signal: AbortSignal): Promise<WalCopy | undefined> {
    const request: ServeRequest = { wanted: { kind: 'segment', name: walFileName }, partial: 'auto' }
    const first = await this.#ask(request, signal)
    if (first.file.kind === 'absent') return undefined
    if (first.file.isUnfinished) return this.#copy(request, first)
    first.response.destroy()
    throw new VanishedFile(`segment ${walFileName} was finished meanwhile`)
  }

  isFollowed(wanted: WantedSegment): Promise<boolean> {
    return Promise.resolve(this.#followed.has(wanted))
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#client.close()
    return Promise.resolve()
  }

  #copy(request: ServeRequest, first: Answer): ServedCopy {
    return new ServedCopy({
      access: this.#access,
      request,
      first,
      walSegmentSize: this.#walSegmentSize,
      ask: (signal) => this.#ask(request, signal),
    })
  }

  /** The answer's identity is that of the WAL that is wanted. */
  async #ask({ wanted, partial }: ServeRequest, signal: AbortSignal): Promise<Answer> {
    const known = this.#systemIdentifier
    const query = `partial=${partial}${known === undefined ? '' : `&system=${known}`}`
    const response = await this.#client.get(`/v1/wal/${wanted.name}?${query}`, signal)
    const file = await readAnswer(this.#access.address.text, response)
    if (known !== undefined && file.systemIdentifier !== known) {
      response.destroy()
      throw this.#refused(`serves the cluster ${file.systemIdentifier}, but WAL of ${known} is wanted`)
    }
    this.#systemIdentifier = file.systemIdentifier
    return { file, response }
  }

  #refused(what: string): WalrError {
    return new WalrError('WALR_SERVE_REFUSED', `${this.#access.address.text} ${what}`, {
      hint: 'Name the address of the walr that serves this cluster.',
    })
  }
}

interface ServeRequest {
  readonly wanted: WantedFile
  readonly partial: 'auto' | 'never'
}

interface Answer {
  readonly file: ServedFile
  readonly response: IncomingMessage
}

interface CopyOptions {
  readonly access: ServeAccess
  readonly request: ServeRequest
  /** Its body is waiting to be read. */
  readonly first: Answer
  readonly walSegmentSize: WalSegmentSize | undefined
  readonly ask: (signal: AbortSignal) => Promise<Answer>
}

/** The bytes of the answer that said that there is a copy; those of another one when they are wanted again. */
class ServedCopy implements WalCopy {
  readonly description: string
  readonly isUnfinished: boolean
  readonly size: number
  readonly #options: CopyOptions
  readonly #unused: NodeJS.Timeout
  #first: Answer | undefined

  constructor(options: CopyOptions) {
    const { access, request, first } = options
    this.description = `"${request.wanted.name}" of ${access.address.text}`
    this.isUnfinished = first.file.isUnfinished
    this.size = first.file.length
    this.#options = options
    this.#first = first
    this.#unused = setTimeout(() => this.drop(), access.silenceMs).unref()
    // A connection that breaks while nobody reads is noticed when somebody does.
    first.response.on('error', () => undefined)
  }

  /** Lets go of an answer that nobody has read. */
  drop(): void {
    this.#first?.response.destroy()
    this.#first = undefined
    clearTimeout(this.#unused)
  }

  async *open(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const { file, response } = this.#take() ?? (await this.#askAgain(signal))
    const { access, request, walSegmentSize } = this.#options
    const owner = { systemIdentifier: file.systemIdentifier, walSegmentSize }
    const { description } = this
    yield* checkedFile(
      { wanted: request.wanted, description, owner },
      responseBytes(response, access, file.length, signal),
    )
  }

  #take(): Answer | undefined {
    const first = this.#first
    this.#first = undefined
    clearTimeout(this.#unused)
    return first?.response.destroyed === true ? undefined : first
  }

  async #askAgain(signal: AbortSignal): Promise<Answer> {
    const answer = await this.#options.ask(signal)
    if (answer.file.kind === 'file' && answer.file.isUnfinished === this.isUnfinished) return answer
    answer.response.destroy()
    throw new VanishedFile(`${this.description} has changed since it was looked for`)
  }
}

/** What a header can hold. Nothing of it is in the message. */
function toToken(path: string, bytes: Buffer): string {
  const token = bytes.toString('latin1').replace(/\r?\n$/, '')
  if (/^[\x21-\x7e]{1,4096}$/.test(token)) return token
  throw new WalrError('WALR_CONFIG', `the file "${path}" does not hold a token`, {
    hint: 'It is one line of letters, digits and signs without spaces.',
  })
}

async function readFile(disk: Disk, path: string): Promise<Buffer> {
  try {
    return await readSmallFile(disk, path)
  } catch (cause) {
    throw new WalrError('WALR_CONFIG', `could not read "${path}": ${systemErrorText(cause)}`, { cause })
  }
}
