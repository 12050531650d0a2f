import { constants, createBrotliCompress, createBrotliDecompress } from 'node:zlib'
import type { Codec, CodecContext } from '@walr/core/plugin'
import type { CodecOptions } from './options.ts'
import { corrupt, FrameReader, frameEnd, FRAME_START, measured } from './frame.ts'
import { throughStream } from './through-stream.ts'

/**
 * Brotli in a frame that tells when an object is cut or altered, which Brotli by itself does not. Put your own format in its
 * place. Change `id` and `suffix` whenever the format changes: objects stay in archives for years, and walr finds the codec
 * of each by its suffix.
 */
export class BrotliCodec implements Codec {
  readonly id = 'brotli-frame/1'
  readonly kind = 'compression'
  readonly suffix = '.brf'
  readonly #quality: number

  constructor({ quality }: CodecOptions) {
    this.#quality = quality
  }

  async *encode(
    plain: AsyncIterable<Uint8Array>,
    { signal }: CodecContext,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    signal.throwIfAborted()
    const content = { size: 0, checksum: 0 }
    const stream = createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: this.#quality } })
    yield Uint8Array.from(FRAME_START)
    yield* throughStream(measured(plain, content), stream, signal)
    yield frameEnd(content)
  }

  async *decode(
    coded: AsyncIterable<Uint8Array>,
    { signal }: CodecContext,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    signal.throwIfAborted()
    const content = { size: 0, checksum: 0 }
    const frame = new FrameReader(coded)
    const stream = createBrotliDecompress()
    yield* measured(throughStream(frame.body(), stream, signal), content)
    // Brotli ends where its own data ends, and leaves the rest unread.
    if (stream.bytesWritten !== frame.bodyBytes) throw corrupt('bytes follow the end of its data')
    frame.checkEnd(content)
  }
}
