import { createHash } from 'node:crypto'
import { CodecError, type Codec, type CodecContext } from '@walr/core/plugin'

const HEADER = Buffer.from('WF1')
const LENGTH_BYTES = 4
const DIGEST_BYTES = 32
const FRAME_BYTES = 65_536

/**
 * A fake compression that compresses nothing: a header, frames with their length before them, an empty frame as the end,
 * and a SHA-256 of everything before.
 */
export class FramedCodec implements Codec {
  readonly id: string = 'framed/1'
  readonly kind: Codec['kind'] = 'compression'
  readonly suffix: Codec['suffix'] = '.frm'

  async *encode(plain: AsyncIterable<Uint8Array>, { signal }: CodecContext): AsyncGenerator<Uint8Array, void, void> {
    signal.throwIfAborted()
    const digest = createHash('sha256').update(HEADER)
    yield Buffer.from(HEADER)
    for await (const chunk of plain) {
      signal.throwIfAborted()
      for (let at = 0; at < chunk.length; at += FRAME_BYTES) {
        const frame = frameOf(chunk.subarray(at, at + FRAME_BYTES))
        digest.update(frame)
        yield frame
        signal.throwIfAborted()
      }
    }
    const end = frameOf(new Uint8Array(0))
    yield Buffer.concat([end, digest.update(end).digest()])
  }

  async *decode(coded: AsyncIterable<Uint8Array>, { signal }: CodecContext): AsyncGenerator<Uint8Array, void, void> {
    signal.throwIfAborted()
    const digest = createHash('sha256')
    let open = Buffer.alloc(0)
    let state = 'header'
    for await (const chunk of coded) {
      signal.throwIfAborted()
      open = Buffer.concat([open, chunk])
      for (;;) {
        if (state === 'header') {
          const header = open.subarray(0, HEADER.length)
          if (!header.equals(HEADER.subarray(0, header.length))) throw this.foreign()
          if (header.length < HEADER.length) break
          state = 'frames'
          digest.update(header)
          open = open.subarray(HEADER.length)
        }
        const frame = state === 'frames' ? wholeFrame(open) : undefined
        if (frame === undefined) break
        digest.update(frame)
        open = open.subarray(frame.length)
        if (frame.length === LENGTH_BYTES) state = 'digest'
        else yield Buffer.from(frame.subarray(LENGTH_BYTES))
        signal.throwIfAborted()
      }
    }
    if (state !== 'digest' || open.length < DIGEST_BYTES) throw new CodecError('Corrupt', 'the object ends early')
    if (!this.isRight(digest.digest(), open))
      throw new CodecError('Corrupt', 'the object was altered, or has more behind it')
  }

  protected isRight(digest: Buffer, found: Buffer): boolean {
    return digest.equals(found)
  }

  protected foreign(): Error {
    return new CodecError('Corrupt', 'not of this format')
  }
}

function frameOf(bytes: Uint8Array): Buffer {
  const frame = Buffer.alloc(LENGTH_BYTES + bytes.length)
  frame.writeUInt32BE(bytes.length)
  frame.set(bytes, LENGTH_BYTES)
  return frame
}

function wholeFrame(open: Buffer): Buffer | undefined {
  if (open.length < LENGTH_BYTES) return undefined
  const length = open.readUInt32BE()
  if (length > FRAME_BYTES) throw new CodecError('Corrupt', `a frame says ${length} bytes`)
  return open.length < LENGTH_BYTES + length ? undefined : open.subarray(0, LENGTH_BYTES + length)
}
