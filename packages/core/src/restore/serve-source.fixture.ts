import { once, type EventEmitter } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { collect } from '../codec/scripted-codec.fixture.ts'
import { nodeDisk } from '../disk/node-disk.ts'
import { RecordingLogger } from '../wal/recording.fixture.ts'
import { OWNER } from './segment.fixture.ts'
import { createServeSource, type ServeSource, type ServeSourceOptions } from './serve-source.ts'
import { WalFetcher } from './wal-fetcher.ts'
import { parseWantedFile } from './wanted-file.ts'

/** Those headers without which nothing is taken for an answer of walr's. */
export const good = { 'walr-system-identifier': OWNER, 'walr-unfinished': 'false' }

export function reply(
  status: number,
  headers: Record<string, string> = {},
  body: string | Buffer = '',
): RequestListener {
  return (_request, response) => {
    response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers })
    response.end(body)
  }
}

/** What a server of HTTP has in common with one of TCP. */
interface Listener extends EventEmitter {
  listen(port: number, host: string): unknown
  address(): { readonly port: number } | string | null
  close(): unknown
}

/** Sources, what they ask, and a directory for their files. */
export class ServeSourceBench {
  readonly root: string = mkdtempSync(join(tmpdir(), 'walr-serve-'))
  readonly #cleaning: (() => unknown)[] = [() => rmSync(this.root, { recursive: true })]

  /** Runs this at the end, before what was given earlier. */
  defer(clean: () => unknown): void {
    this.#cleaning.push(clean)
  }

  async sourceFor(url: string, more: Partial<ServeSourceOptions> = {}): Promise<ServeSource> {
    const source = await createServeSource({ disk: nodeDisk, url, systemIdentifier: OWNER, ...more })
    this.defer(() => source[Symbol.asyncDispose]())
    return source
  }

  /** A server that is none of walr's. @returns its address. */
  async fake(answer: RequestListener): Promise<string> {
    const server = createServer(answer)
    return this.listening(server, () => server.closeAllConnections())
  }

  /** @returns the address of this server, which ends with the bench, and `end` after it. */
  async listening(server: Listener, end: () => void): Promise<string> {
    const listens = once(server, 'listening')
    server.listen(0, '127.0.0.1')
    await listens
    this.defer(() => {
      server.close()
      end()
    })
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the server has no port')
    return `http://127.0.0.1:${address.port}`
  }

  async dispose(): Promise<void> {
    for (const clean of this.#cleaning.toReversed()) await clean()
  }
}

export async function fetchFile(
  source: ServeSource,
  name: string,
  partial: 'auto' | 'never' = 'auto',
): Promise<Buffer | 'absent'> {
  const { signal } = new AbortController()
  const fetcher = new WalFetcher({ sources: [source], logger: new RecordingLogger() })
  let bytes: Buffer = Buffer.alloc(0)
  const outcome = await fetcher.fetch(
    { wanted: parseWantedFile(name), partial },
    async (copy) => {
      bytes = await collect(copy.open(signal))
    },
    signal,
  )
  return outcome === 'absent' ? 'absent' : bytes
}
