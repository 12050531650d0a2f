import { WalrError } from '../errors/walr-error.ts'
import type { CopySink } from './connection/replication-connection.ts'

/** Takes what the decoder finds. A promise stops decoding until it settles; a rejection or throw passes through `push`. */
export interface FrameHandler {
  /** A complete message: `type` is its letter's code; `body` has neither type nor length, and is the receiver's to keep. */
  onMessage(type: number, body: Buffer): void | Promise<void>
  /** Where the messages of a copy-both stream go; read anew for each message. Undefined: they come as `onMessage`. */
  readonly copySink: CopySink | undefined
}

const COPY_DATA = 0x64 // 'd'
const WAL_DATA = 0x77 // 'w'
const KEEPALIVE = 0x6b // 'k'
/** Type and length. The length counts itself but not the type. */
const FRAME_HEADER = 5
/** Frame header, 'w', dataStart, walEnd, sendTime. */
const WAL_HEADER = FRAME_HEADER + 25
/** Frame header, 'k', walEnd, sendTime, replyRequested. */
const KEEPALIVE_LENGTH = FRAME_HEADER + 18
/** PostgreSQL sends at most 128 KiB of WAL in a message; more than this is not a walsender speaking. */
const MAX_WAL_PAYLOAD = 16_777_216 // 16 MiB
/** No answer to a replication command comes near this. */
const MAX_BODY = 16_777_216 // 16 MiB
/** Letters of all messages a server may send (manual, "Message Formats"). */
const KNOWN_TYPES = new Set(Buffer.from('RKSNETDCZWHGdcvAInst123V', 'latin1'))

/**
 * Cuts a byte stream from the server into messages, at whatever places the network cuts it. WAL payloads are handed on
 * as views of the caller's buffer, in pieces if need be: nothing is copied or allocated for them. Everything else is
 * small, and collected into a private buffer.
 *
 * @see PostgreSQL manual, "Streaming Replication Protocol" and "Message Formats"
 */
export class FrameDecoder {
  readonly #handler: FrameHandler
  readonly #head = Buffer.alloc(WAL_HEADER)
  #headLength = 0
  readonly #headView = viewOf(this.#head)
  #bytes: Buffer = Buffer.alloc(0)
  /** Of the buffer that was pushed last: a plain socket pushes the same one each time. */
  #view = this.#headView
  #position = 0
  #end = 0
  /** Payload bytes of the current XLogData message still to come. */
  #payloadLeft = 0
  #inPayload = false
  #bodyType = 0
  #body: Buffer | undefined
  #bodyLength = 0

  constructor(handler: FrameHandler) {
    this.#handler = handler
  }

  /**
   * Decodes `bytes[offset, offset + length)`. The buffer is borrowed until this returns, or until the returned promise
   * settles; only then may `push` be called again.
   * @throws WalrError WALR_PROTOCOL when the bytes are no messages; and whatever the handler throws.
   */
  push(bytes: Buffer, offset: number, length: number): void | Promise<void> {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes
      this.#view = viewOf(bytes)
    }
    this.#position = offset
    this.#end = offset + length
    return this.#run()
  }

  #run(): void | Promise<void> {
    while (this.#position < this.#end) {
      const pending = this.#inPayload ? this.#payload() : this.#body ? this.#collectBody(this.#body) : this.#header()
      if (pending) return pending.then(() => this.#run())
    }
  }

  #payload(): void | Promise<void> {
    const start = this.#position
    const length = Math.min(this.#payloadLeft, this.#end - start)
    this.#position += length
    this.#payloadLeft -= length
    const last = this.#payloadLeft === 0
    if (last) this.#inPayload = false
    return this.#handler.copySink?.onWalData(this.#bytes, start, length, last)
  }

  #header(): void | Promise<void> {
    // The usual case: the header lies whole in the buffer and is read in place.
    if (this.#headLength === 0 && this.#end - this.#position >= WAL_HEADER) {
      return this.#decodeHeader(this.#view, this.#position)
    }
    const wanted = this.#wantedHeader()
    const taken = Math.min(wanted - this.#headLength, this.#end - this.#position)
    this.#bytes.copy(this.#head, this.#headLength, this.#position, this.#position + taken)
    this.#headLength += taken
    this.#position += taken
    if (this.#headLength < this.#wantedHeader()) return
    this.#headLength = 0
    // #decodeHeader moves the position by what it uses, and all of that was in the scratch buffer.
    const resume = this.#position
    this.#position = 0
    const pending = this.#decodeHeader(this.#headView, 0)
    this.#position = resume
    return pending
  }

  /** How many bytes of the head must be there before it can be decoded; grows as they arrive. */
  #wantedHeader(): number {
    if (this.#headLength < FRAME_HEADER) return FRAME_HEADER
    if (this.#head[0] !== COPY_DATA || !this.#handler.copySink) return FRAME_HEADER
    if (this.#headLength === FRAME_HEADER) return this.#head.readInt32BE(1) > 4 ? FRAME_HEADER + 1 : FRAME_HEADER
    const inner = this.#head[FRAME_HEADER]
    const length = this.#head.readInt32BE(1) + 1
    if (inner === WAL_DATA) return Math.min(WAL_HEADER, length)
    if (inner === KEEPALIVE) return Math.min(KEEPALIVE_LENGTH, length)
    return FRAME_HEADER + 1
  }

  /** `from` holds at least the wanted header at `at`. Advances the position past what was used. */
  #decodeHeader(from: DataView, at: number): void | Promise<void> {
    const type = from.getUint8(at)
    const length = from.getInt32(at + 1)
    if (!KNOWN_TYPES.has(type)) {
      throw protocolError(`unexpected message type 0x${type.toString(16).padStart(2, '0')} from the server`)
    }
    if (length < 4) throw protocolError(`message "${String.fromCharCode(type)}" has impossible length ${length}`)
    const sink = type === COPY_DATA ? this.#handler.copySink : undefined
    if (sink) return this.#decodeCopyData(sink, from, at, length - 4)
    if (length - 4 > MAX_BODY)
      throw protocolError(`message "${String.fromCharCode(type)}" is too long: ${length} bytes`)
    this.#position += FRAME_HEADER
    this.#bodyType = type
    this.#bodyLength = 0
    this.#body = Buffer.allocUnsafe(length - 4)
    return length === 4 ? this.#finishBody(this.#body) : undefined
  }

  #decodeCopyData(sink: CopySink, from: DataView, at: number, length: number): void | Promise<void> {
    const start = at + FRAME_HEADER
    const inner = length > 0 ? from.getUint8(start) : undefined
    if (inner === WAL_DATA) {
      const payloadLength = length - 25
      if (payloadLength < 0) throw protocolError(`streaming header too small: ${length}`)
      if (payloadLength > MAX_WAL_PAYLOAD) throw protocolError(`XLogData message is too long: ${payloadLength} bytes`)
      this.#position += WAL_HEADER
      this.#payloadLeft = payloadLength
      this.#inPayload = payloadLength > 0
      sink.onWalHeader(
        from.getUint32(start + 1),
        from.getUint32(start + 5),
        from.getUint32(start + 9),
        from.getUint32(start + 13),
        payloadLength,
      )
      return
    }
    if (inner === KEEPALIVE) {
      if (length !== 18) throw protocolError(`keepalive message has ${length} bytes instead of 18`)
      this.#position += KEEPALIVE_LENGTH
      return sink.onKeepalive(from.getUint32(start + 1), from.getUint32(start + 5), from.getUint8(start + 17) !== 0)
    }
    if (inner === undefined) throw protocolError('streaming header too small: 0')
    throw protocolError(`unrecognized streaming header: "${String.fromCharCode(inner)}"`)
  }

  #collectBody(body: Buffer): void | Promise<void> {
    const taken = Math.min(body.length - this.#bodyLength, this.#end - this.#position)
    this.#bytes.copy(body, this.#bodyLength, this.#position, this.#position + taken)
    this.#bodyLength += taken
    this.#position += taken
    return this.#bodyLength === body.length ? this.#finishBody(body) : undefined
  }

  #finishBody(body: Buffer): void | Promise<void> {
    this.#body = undefined
    return this.#handler.onMessage(this.#bodyType, body)
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

function protocolError(message: string): WalrError {
  return new WalrError('WALR_PROTOCOL', message, {
    hint: 'Nothing of this message was written. Check what stands between walr and the server.',
  })
}
