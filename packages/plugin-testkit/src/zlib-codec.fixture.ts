import { pipeline } from 'node:stream/promises'
import { createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib'
import { CodecError, type Codec, type CodecContext } from '@walr/core/plugin'

/** A compression over node:zlib, for the kit's own tests. Not gzip, whose reader takes a second member for more of the first. */
export class ZlibCodec implements Codec {
  readonly id = 'zlib'
  readonly kind = 'compression'
  readonly suffix = '.zz'

  encode(plain: AsyncIterable<Uint8Array>, { signal }: CodecContext): AsyncIterable<Uint8Array> {
    return throughZlib(plain, createDeflate({ level: 1 }), signal)
  }

  async *decode(coded: AsyncIterable<Uint8Array>, { signal }: CodecContext): AsyncGenerator<Uint8Array, void, void> {
    const inflate = createInflate()
    let length = 0
    const counted = async function* () {
      for await (const chunk of coded) {
        length += chunk.length
        yield chunk
      }
    }
    yield* throughZlib(counted(), inflate, signal)
    // zlib ends where its stream ends, and leaves the rest unread.
    if (length === 0 || inflate.bytesWritten !== length) throw new CodecError('Corrupt', 'more bytes follow the stream')
  }
}

async function* throughZlib(
  input: AsyncIterable<Uint8Array>,
  zlib: Deflate | Inflate,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  signal.throwIfAborted()
  const fed = pipeline(copiesOf(input), zlib, { signal })
  // It is awaited below; until then it may fail without anybody waiting.
  fed.catch(() => undefined)
  try {
    for await (const chunk of zlib) {
      signal.throwIfAborted()
      yield chunk as Buffer
    }
    await fed
  } catch (error) {
    signal.throwIfAborted()
    // Errors of zlib itself, and the end of its stream before the end of the input.
    if (
      error instanceof Error &&
      ('errno' in error || ('code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'))
    ) {
      throw new CodecError('Corrupt', `zlib: ${error.message}`, { cause: error })
    }
    throw error
  } finally {
    zlib.destroy()
    await Promise.allSettled([fed])
  }
}

/** A stream asks for more than it has worked off: what it is given has to be its own. */
async function* copiesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of input) if (chunk.length > 0) yield Buffer.from(chunk)
}
