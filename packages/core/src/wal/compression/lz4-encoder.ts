import { WalrError } from '../../errors/walr-error.ts'
import { LZ4_END_MARK, LZ4_SEGMENT_HEADER, LZ4_STORED, LZ4_WINDOW_BYTES } from './lz4-frame.ts'
import type { EmitChunk, SegmentEncoder } from './encoder-contract.ts'

const BLOCK_BYTES = 65_536
/** Before a block's compressed bytes lz4-napi puts their size when decoded; a frame has its own field in that place. */
const PREFIX_BYTES = 4

/**
 * One LZ4 frame of linked 64 KiB blocks without checksums, as pg_receivewal writes it. The library has one compression
 * level only, so all levels that PostgreSQL accepts give the same bytes.
 */
export function createLz4Encoder(emit: EmitChunk): SegmentEncoder {
  return new Lz4Encoder(emit)
}

class Lz4Encoder implements SegmentEncoder {
  readonly suffix = '.lz4'
  readonly #emit: EmitChunk
  /** The dictionary, which is up to 64 KiB of what was compressed last, and behind it the block that is being filled. */
  readonly #window: Uint8Array = new Uint8Array(LZ4_WINDOW_BYTES + BLOCK_BYTES)
  #blockStart = 0
  #blockEnd = 0
  #started = false
  #destroyed = false

  constructor(emit: EmitChunk) {
    this.#emit = emit
  }

  async write(bytes: Uint8Array, offset: number, length: number): Promise<void> {
    const end = offset + length
    for (let next = offset; next < end;) {
      const taken = Math.min(end - next, this.#blockStart + BLOCK_BYTES - this.#blockEnd)
      this.#window.set(bytes.subarray(next, next + taken), this.#blockEnd)
      this.#blockEnd += taken
      next += taken
      if (this.#blockEnd - this.#blockStart === BLOCK_BYTES) await this.#emitBlock()
    }
  }

  async flush(): Promise<void> {
    await this.#emitHeader()
    if (this.#blockEnd > this.#blockStart) await this.#emitBlock()
  }

  async end(): Promise<void> {
    await this.flush()
    await this.#send(LZ4_END_MARK)
    this.#destroyed = true
  }

  destroy(): void {
    this.#destroyed = true
  }

  async #emitHeader(): Promise<void> {
    if (this.#started) return
    this.#started = true
    await this.#send(LZ4_SEGMENT_HEADER)
  }

  async #emitBlock(): Promise<void> {
    await this.#emitHeader()
    const plain = this.#window.subarray(this.#blockStart, this.#blockEnd)
    const { compress } = await import('lz4-napi')
    const compressed = await compress(
      plain,
      this.#blockStart > 0 ? this.#window.subarray(0, this.#blockStart) : undefined,
    )
    const size = compressed.length - PREFIX_BYTES
    if (size < plain.length) {
      compressed.writeUInt32LE(size)
      await this.#send(compressed)
    } else {
      const stored = Buffer.alloc(PREFIX_BYTES + plain.length)
      stored.writeUInt32LE(plain.length + LZ4_STORED)
      stored.set(plain, PREFIX_BYTES)
      await this.#send(stored)
    }
    this.#keepDictionary()
  }

  /** Moves the last 64 KiB to the front of the window; small blocks leave part of the older dictionary in place. */
  #keepDictionary(): void {
    const kept = Math.min(this.#blockEnd, LZ4_WINDOW_BYTES)
    this.#window.copyWithin(0, this.#blockEnd - kept, this.#blockEnd)
    this.#blockStart = kept
    this.#blockEnd = kept
  }

  async #send(chunk: Uint8Array): Promise<void> {
    if (this.#destroyed) {
      throw new WalrError('WALR_INTERNAL', 'a compression stream was used after it was destroyed')
    }
    await this.#emit(chunk)
  }
}
