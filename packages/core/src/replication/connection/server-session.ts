import type { Logger } from '../../telemetry/logger.ts'
import { WalrError } from '../../errors/walr-error.ts'
import { FrameDecoder, type FrameHandler } from '../frame-decoder.ts'
import type { ByteTransport, TransportListener } from './byte-transport.ts'
import { discardingSink } from './discarding-sink.ts'
import type { CopySink } from './replication-connection.ts'
import { logNotice } from './server-error.ts'
import { decodeParameterStatus, decodeServerReport, SERVER_MESSAGE, type ServerMessage } from './server-message.ts'

/**
 * The conversation with one server process over a transport: messages in the order in which they come, without those that
 * may come at any time (notices, parameters), and copy-both data straight to a sink.
 */
export class ServerSession implements FrameHandler, TransportListener {
  /** What the server reported about itself, such as `server_version`. Follows later changes. */
  readonly parameters = new Map<string, string>()
  copySink: CopySink | undefined
  #expected: { readonly sink: CopySink; readonly onStreaming: () => void } | undefined
  readonly #transport: ByteTransport
  readonly #logger: Logger
  readonly #decoder: FrameDecoder = new FrameDecoder(this)
  readonly #queue: ServerMessage[] = []
  #waiter: PromiseWithResolvers<ServerMessage> | undefined
  #failure: Error | undefined
  #sawBytes = false

  constructor(transport: ByteTransport, logger: Logger) {
    this.#transport = transport
    this.#logger = logger
    transport.listen(this)
  }

  /** Why the connection has ended; undefined while it lives. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** Sends a complete message, which must not be changed until {@link idle} is true. */
  send(message: Uint8Array): void {
    this.#transport.write(message)
  }

  /** Whether the system has taken everything sent so far. */
  get idle(): boolean {
    return this.#transport.idle
  }

  /** The next message. Rejects with the connection's end; what came before the end is delivered first. */
  next(): Promise<ServerMessage> {
    const message = this.#queue.shift()
    if (message) return Promise.resolve(message)
    if (this.#failure) return Promise.reject(this.#failure)
    this.#waiter = Promise.withResolvers()
    return this.#waiter.promise
  }

  /** When the server answers with CopyBothResponse, `sink` takes the stream; `onStreaming` is called just before. */
  expectStream(sink: CopySink, onStreaming: () => void): void {
    this.#expected = { sink, onStreaming }
  }

  /** No stream is wanted any more. */
  endStream(): void {
    this.#expected = undefined
    this.copySink = undefined
  }

  /** The rest of the stream is thrown away. */
  discardStream(): void {
    if (this.copySink) this.copySink = discardingSink
  }

  /** Ends the connection; whatever waits rejects with `reason`. */
  destroy(reason: Error): void {
    this.#transport.destroy(reason)
  }

  /** Sends Terminate and closes. Never rejects. */
  close(terminate: Uint8Array): Promise<void> {
    return this.#transport.close(terminate)
  }

  onBytes(bytes: Buffer, length: number): void | Promise<void> {
    if (!this.#sawBytes) this.#checkFirstByte(bytes)
    return this.#decoder.push(bytes, 0, length)
  }

  onReadEnd(dry: boolean): void | Promise<void> {
    return this.copySink?.onReadEnd(dry)
  }

  onEnd(error: Error): void {
    this.#failure = error
    this.#waiter?.reject(error)
    this.#waiter = undefined
  }

  onMessage(type: number, body: Buffer): void | Promise<void> {
    switch (type) {
      case SERVER_MESSAGE.noticeResponse:
        logNotice(this.#logger, decodeServerReport(body))
        return
      case SERVER_MESSAGE.parameterStatus: {
        const [name, value] = decodeParameterStatus(body)
        this.parameters.set(name, value)
        return
      }
      case SERVER_MESSAGE.notificationResponse:
      case SERVER_MESSAGE.backendKeyData:
        return
      case SERVER_MESSAGE.copyBothResponse:
        this.#startCopy()
        break
      case SERVER_MESSAGE.errorResponse:
        this.copySink = undefined
        break
      case SERVER_MESSAGE.copyDone: {
        const sink = this.copySink
        this.copySink = undefined
        const pending = sink?.onCopyDone()
        if (pending) return pending.then(() => this.#deliver({ type, body }))
        break
      }
      default:
    }
    this.#deliver({ type, body })
  }

  /** Something else than PostgreSQL answers: said before its bytes are taken for the length of a message. */
  #checkFirstByte(bytes: Buffer): void {
    this.#sawBytes = true
    const type = bytes[0] ?? 0
    const { authentication, errorResponse, negotiateProtocolVersion } = SERVER_MESSAGE
    if (type !== authentication && type !== errorResponse && type !== negotiateProtocolVersion) {
      throw new WalrError(
        'WALR_PROTOCOL',
        `expected authentication request from server, but received ${JSON.stringify(String.fromCharCode(type))}`,
        { hint: 'Check host and port: what answers there is no PostgreSQL server.' },
      )
    }
  }

  #startCopy(): void {
    const expected = this.#expected
    if (!expected) throw new WalrError('WALR_PROTOCOL', 'the server started a stream that was not asked for')
    this.#expected = undefined
    this.copySink = expected.sink
    expected.onStreaming()
    expected.sink.onStart()
  }

  #deliver(message: ServerMessage): void {
    if (this.#waiter) this.#waiter.resolve(message)
    else this.#queue.push(message)
    this.#waiter = undefined
  }
}
