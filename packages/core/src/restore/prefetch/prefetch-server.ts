import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import type { WalRequest } from '../wal-request.ts'
import { parseWantedFile } from '../wanted-file.ts'
import { firstLine } from './line-socket.ts'
import {
  ALIVE_INTERVAL_MS,
  parseQuestion,
  replyOf,
  SIGNS,
  type PrefetchQuestion,
  type PrefetchReply,
  type SentWarning,
} from './prefetch-protocol.ts'
import type { PrefetchOutcome } from './prefetcher.ts'

export interface PrefetchServerOptions {
  /** Of the command line that is worked for. */
  readonly identity: string
  readonly request: (request: WalRequest, signal: AbortSignal) => Promise<PrefetchOutcome>
  /** The client has taken what it was given, or has gone. */
  readonly release: (given: string) => Promise<void>
  /** What to tell the next client, once. */
  readonly takeWarnings: () => readonly SentWarning[]
  /** How many bytes have come so far, for anybody. */
  readonly receivedBytes: () => number
  /** Whether what was opened may still answer. */
  readonly isUpToDate: () => Promise<boolean>
  /** A client is of another command line, or nothing is up to date any more. */
  readonly onOutdated: (why: string) => void
}

/** A client that neither asks nor ends its connection for so long is stopped, or is none. */
const CLIENT_MS = 30_000

/** Speaks with clients through a Unix socket. */
export class PrefetchServer {
  readonly #options: PrefetchServerOptions
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(options: PrefetchServerOptions) {
    this.#options = options
    this.#server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
      // Whatever goes wrong with a client is the client's: it goes on without.
      this.#serve(socket).catch(() => socket.destroy())
    })
  }

  /** `path`: at most 108 bytes, relative to the working directory. */
  async listen(path: string): Promise<void> {
    this.#server.listen(path)
    await once(this.#server, 'listening')
  }

  /** Ends all connections; their clients go on without. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    // What was written is still sent.
    for (const socket of this.#sockets) socket.destroySoon()
    await closed
  }

  async #serve(socket: Socket): Promise<void> {
    const gone = new AbortController()
    const closed = new Promise<void>((resolve) => {
      socket.once('close', () => {
        gone.abort()
        resolve()
      })
    })
    socket.setTimeout(CLIENT_MS, () => socket.destroy())
    let bytes = this.#options.receivedBytes()
    const alive = setInterval(() => {
      const now = this.#options.receivedBytes()
      socket.write(`${now === bytes ? SIGNS.alive : SIGNS.progress}\n`)
      bytes = now
    }, ALIVE_INTERVAL_MS)
    try {
      const line = await firstLine(socket)
      const reply = line === undefined ? undefined : await this.#reply(line, gone.signal)
      if (reply === undefined) {
        socket.destroy()
        return
      }
      clearInterval(alive)
      socket.write(`${JSON.stringify(reply)}\n`)
      if (reply.kind === 'ending') this.#options.onOutdated(reply.why)
      // The client ends the connection when it has taken the file.
      await closed
      if (reply.kind === 'delivered') await this.#options.release(reply.given)
    } finally {
      clearInterval(alive)
    }
  }

  async #reply(line: string, signal: AbortSignal): Promise<PrefetchReply | undefined> {
    const question = parseQuestion(line)
    if (question === undefined) return undefined
    const { request, takeWarnings } = this.#options
    const why = await this.#whyOutdated(question)
    if (why !== undefined) return { kind: 'ending', why, warnings: [] }
    const { name, partial, atGap } = question
    const outcome = await request({ wanted: parseWantedFile(name), partial, atGap }, signal)
    return replyOf(outcome, takeWarnings())
  }

  async #whyOutdated({ identity }: PrefetchQuestion): Promise<string | undefined> {
    if (identity !== this.#options.identity) return 'restore-command is called with other arguments'
    return (await this.#options.isUpToDate()) ? undefined : 'the configuration has changed'
  }
}
