import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { nodeDisk } from '../disk/node-disk.ts'
import { RecordingLogger } from '../wal/recording.fixture.ts'
import type { HttpSettings } from './http-settings.ts'
import { startWalServer, type WalServer, type WalServerOptions } from './wal-server.ts'
import { MadeUpSource, supplyOf } from './wal-supply.fixture.ts'

export const TOKEN = 'correct-horse-battery'

const settings: HttpSettings = {
  listen: '127.0.0.1:0',
  token: undefined,
  certFile: undefined,
  keyFile: undefined,
  clientCaFile: undefined,
  maxDownloads: 4,
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

interface Question {
  readonly method?: string
  readonly headers?: Record<string, string>
}

/** A server, made-up WAL behind it, and who asks it. */
export class WalServerBench {
  readonly source = new MadeUpSource()
  readonly log = new RecordingLogger()
  server: WalServer | undefined

  get port(): number {
    return Number(new URL(this.server?.address ?? '').port)
  }

  options(changes: Partial<HttpSettings> = {}): WalServerOptions {
    const supply = supplyOf(this.source, this.log)
    return { settings: { ...settings, ...changes }, supply, disk: nodeDisk, logger: this.log }
  }

  async start(changes: Partial<HttpSettings> = {}, more: Partial<WalServerOptions> = {}): Promise<WalServer> {
    this.server = await startWalServer({ ...this.options(changes), ...more })
    return this.server
  }

  async ask(path: string, question: Question = {}): Promise<Answer> {
    const response = await this.begin(path, question)
    const chunks: Buffer[] = []
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
    return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }
  }

  /** An answer whose body is still to be read. */
  async begin(path: string, { method = 'GET', headers = {} }: Question = {}): Promise<IncomingMessage> {
    const outgoing = request({ host: '127.0.0.1', port: this.port, path, method, headers, agent: false })
    outgoing.end()
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    outgoing.on('error', () => undefined)
    return response
  }

  async dispose(): Promise<void> {
    await this.server?.stop(0)
    this.server = undefined
  }
}

export const path = (name: string): string => `/v1/wal/${name}`

export const problem = ({ body }: Answer): { code: string; message: string } =>
  JSON.parse(body.toString()) as { code: string; message: string }
