import net from 'node:net'
import tls from 'node:tls'
import { writeToDescriptor } from '../../disk/write-to-descriptor.ts'
import { WalrError } from '../../errors/walr-error.ts'
import { networkErrorText } from './network-error.ts'

/** Size of the buffer that a plain socket is read into, again and again. */
export const READ_BUFFER_SIZE = 262_144 // 256 KiB
/** TLS hands over records of 16 KiB; when this much came in one turn of the event loop, more is surely waiting. */
const TLS_BURST = 1_048_576 // 1 MiB
const CLOSE_TIMEOUT_MS = 1_000

/** Takes what a {@link ByteTransport} reads. While a returned promise is pending nothing is read. */
export interface TransportListener {
  /** `bytes[0, length)` is borrowed until this returns, or until the returned promise settles. */
  onBytes(bytes: Buffer, length: number): void | Promise<void>
  /** Everything that was ready has been handed over. `dry`: as far as can be seen, nothing more is waiting. */
  onReadEnd(dry: boolean): void | Promise<void>
  /** The connection is gone; called once, and never while a promise of the two above is pending. */
  onEnd(error: Error): void
}

/** Where to connect. */
export type TransportTarget = { readonly path: string } | { readonly address: string; readonly port: number }

/** What the socket is set to. */
export interface KeepaliveSettings {
  readonly enabled: boolean
  readonly idleMs: number | undefined
}

/**
 * A TCP or Unix socket, later perhaps with TLS over it, that is read without allocating: one buffer, handed to the
 * listener, and no reading while the listener works.
 */
export class ByteTransport {
  readonly #buffer: Buffer
  #socket: net.Socket
  #listener: TransportListener | undefined
  #secured = false
  #held = false
  #failure: Error | undefined
  #destroyReason: Error | undefined
  #ended = false
  #readEnd: NodeJS.Immediate | undefined
  #burst = 0

  private constructor(target: TransportTarget, keepalives: KeepaliveSettings) {
    this.#buffer = Buffer.allocUnsafeSlow(READ_BUFFER_SIZE)
    const onread = { buffer: this.#buffer, callback: (length: number) => this.#onPlainRead(length) }
    this.#socket =
      'path' in target
        ? net.connect({ path: target.path, onread })
        : net.connect({ host: target.address, port: target.port, onread })
    if ('address' in target) {
      this.#socket.setNoDelay(true)
      this.#socket.setKeepAlive(keepalives.enabled, keepalives.idleMs)
    }
  }

  /**
   * Connects.
   * @throws Error of Node (`ECONNREFUSED`, `ENOENT`, ...), or the reason of `signal`, which also ends the connection later.
   */
  static async connect(
    target: TransportTarget,
    keepalives: KeepaliveSettings,
    signal: AbortSignal,
  ): Promise<ByteTransport> {
    signal.throwIfAborted()
    const transport = new ByteTransport(target, keepalives)
    const abort = (): void => transport.destroy(abortReason(signal))
    signal.addEventListener('abort', abort, { once: true })
    const socket = transport.#socket
    socket.once('close', () => signal.removeEventListener('abort', abort))
    const connected = Promise.withResolvers<void>()
    socket.once('connect', () => connected.resolve())
    transport.#watch(socket, connected.reject)
    await connected.promise
    return transport
  }

  /** What {@link destroy} was called with. */
  get destroyReason(): Error | undefined {
    return this.#destroyReason
  }

  /** From now on everything read goes to `listener`; a connection that has ended already is told at once. */
  listen(listener: TransportListener): void {
    this.#listener = listener
    if (this.#ended) listener.onEnd(this.#endError())
  }

  /** Whether the system has taken everything written so far. */
  get idle(): boolean {
    return this.#socket.writableLength === 0
  }

  /** Sends `bytes`, which must not change until {@link idle} is true. A callback would cost more than the write itself. */
  write(bytes: Uint8Array): void {
    if (this.#ended) return
    const sent = this.#writeAtOnce(bytes)
    if (sent === 0) this.#socket.write(bytes)
    else if (sent < bytes.length) this.#socket.write(bytes.subarray(sent))
  }

  /**
   * A short message over an idle plain socket needs nothing but the system call, which is a fraction of what the stream
   * around the socket costs; returns how many bytes the system took.
   */
  #writeAtOnce(bytes: Uint8Array): number {
    if (this.#secured || !this.idle) return 0
    const { _handle: handle } = this.#socket as { readonly _handle?: { readonly fd?: number } | null }
    if (handle?.fd === undefined || handle.fd < 0) return 0
    return writeToDescriptor(handle.fd, bytes)
  }

  /**
   * Puts TLS over the socket.
   * @throws Error of Node or OpenSSL when the handshake fails.
   */
  async secure(options: tls.ConnectionOptions): Promise<tls.TLSSocket> {
    const secure = tls.connect({ ...options, socket: this.#socket })
    const done = Promise.withResolvers<void>()
    secure.once('secureConnect', () => done.resolve())
    this.#socket = secure
    this.#secured = true
    this.#watch(secure, done.reject)
    await done.promise
    secure.on('data', (chunk: Buffer) => this.#onSecureRead(chunk))
    return secure
  }

  /** Ends the connection at once; what is pending fails with `reason`. */
  destroy(reason: Error): void {
    this.#destroyReason ??= reason
    this.#failure ??= reason
    this.#socket.destroy()
  }

  /** Sends what is queued, then `last`, and closes. Resolves when the socket is gone; never rejects. */
  async close(last: Uint8Array): Promise<void> {
    if (this.#socket.destroyed) return
    this.#failure ??= new WalrError('WALR_CONNECTION_LOST', 'the connection was closed')
    const closed = Promise.withResolvers<void>()
    this.#socket.once('close', () => closed.resolve())
    // A server that does not read must not keep us here.
    const timer = setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT_MS)
    this.#socket.end(last, () => this.#socket.destroy())
    await closed.promise
    clearTimeout(timer)
  }

  #watch(socket: net.Socket, beforeUse: (error: Error) => void): void {
    socket.on('error', (error) => {
      beforeUse(this.#failure ?? error)
      this.#failure ??= networkFailure(error)
    })
    socket.once('end', () => socket.destroy())
    socket.once('close', () => {
      const error = this.#endError()
      beforeUse(error)
      // When TLS lies over the plain socket, its own close follows.
      if (socket === this.#socket) this.#end()
    })
  }

  #endError(): Error {
    return (this.#failure ??= new WalrError('WALR_CONNECTION_LOST', 'server closed the connection unexpectedly', {
      hint: 'This probably means that the server terminated before or while processing the request.',
    }))
  }

  #end(): void {
    if (this.#ended) return
    if (this.#readEnd) clearImmediate(this.#readEnd)
    this.#ended = true
    if (!this.#held) this.#listener?.onEnd(this.#endError())
  }

  /** Node reads on when this returns true. */
  #onPlainRead(length: number): boolean {
    const pending = this.#deliver(this.#buffer, length)
    if (pending) {
      this.#hold(pending.then(() => this.#listener?.onReadEnd(length < READ_BUFFER_SIZE)))
      return false
    }
    return !this.#endRead(length < READ_BUFFER_SIZE)
  }

  #onSecureRead(chunk: Buffer): void {
    this.#burst += chunk.length
    const pending = this.#deliver(chunk, chunk.length)
    if (pending) this.#hold(pending.then(() => this.#endSecureRead()))
    // The pieces of one encrypted read come one by one; this runs after the last of them.
    else this.#readEnd ??= setImmediate(() => this.#onTurnEnd())
  }

  #onTurnEnd(): void {
    this.#readEnd = undefined
    if (this.#held || this.#burst === 0) return // the end of the read comes when the listener is done
    const dry = this.#burst < TLS_BURST
    this.#burst = 0
    this.#endRead(dry)
  }

  /** After a listener that took its time: ends the read, unless more pieces of it are here and it is not long yet. */
  #endSecureRead(): void | Promise<void> {
    const isLong = this.#burst >= TLS_BURST
    if (this.#socket.readableLength > 0 && !isLong) return
    const dry = !isLong
    this.#burst = 0
    return this.#listener?.onReadEnd(dry)
  }

  #deliver(bytes: Buffer, length: number): Promise<void> | undefined {
    try {
      return this.#listener?.onBytes(bytes, length) ?? undefined
    } catch (error) {
      this.destroy(asError(error))
      return undefined
    }
  }

  /** Returns true when reading has been stopped. */
  #endRead(dry: boolean): boolean {
    if (this.#socket.destroyed) return true
    try {
      const pending = this.#listener?.onReadEnd(dry)
      if (pending) this.#hold(pending)
      return pending !== undefined
    } catch (error) {
      this.destroy(asError(error))
      return true
    }
  }

  /** Stops reading until `pending` settles. */
  #hold(pending: Promise<void>): void {
    this.#held = true
    this.#socket.pause()
    pending
      .catch((error: unknown) => this.destroy(asError(error)))
      .finally(() => {
        this.#held = false
        if (this.#ended) this.#listener?.onEnd(this.#endError())
        else this.#socket.resume()
      })
      .catch((error: unknown) => this.destroy(asError(error)))
  }
}

function networkFailure(error: Error): WalrError {
  return new WalrError('WALR_CONNECTION_LOST', `connection to server was lost: ${networkErrorText(error)}`, {
    cause: error,
  })
}

function abortReason(signal: AbortSignal): Error {
  return asError(signal.reason)
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
