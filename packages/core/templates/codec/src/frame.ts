import { crc32 } from 'node:zlib'
import { CodecError } from '@walr/core/plugin'

/** What a frame begins with; the digit is the version of the format. */
export const FRAME_START: Uint8Array = Buffer.from('BRF1')
/** The size of the plain bytes (8 bytes) and their CRC-32 (4), little endian. */
const END_BYTES = 12

/** What is known of plain bytes. */
export interface Content {
  size: number
  checksum: number
}

/** Passes plain bytes on, and adds up in `content` what they are. */
export async function* measured(
  plain: AsyncIterable<Uint8Array>,
  content: Content,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of plain) {
    content.size += chunk.length
    content.checksum = crc32(chunk, content.checksum)
    yield chunk
  }
}

/** The end of the frame of an object with this content. */
export function frameEnd({ size, checksum }: Content): Uint8Array {
  const end = Buffer.alloc(END_BYTES)
  end.writeBigUInt64LE(BigInt(size), 0)
  end.writeUInt32LE(checksum, 8)
  return end
}

/** Takes a frame apart. */
export class FrameReader {
  /** How many bytes {@link body} has given so far. */
  bodyBytes = 0
  readonly #coded: AsyncIterable<Uint8Array>
  #end: Buffer = Buffer.alloc(0)

  constructor(coded: AsyncIterable<Uint8Array>) {
    this.#coded = coded
  }

  /** What is between the beginning and the end. @throws CodecError Corrupt when it is no frame. */
  async *body(): AsyncGenerator<Uint8Array, void, undefined> {
    let waiting = Buffer.alloc(0)
    let isBegun = false
    for await (const chunk of this.#coded) {
      waiting = Buffer.concat([waiting, chunk])
      if (!isBegun && waiting.length >= FRAME_START.length) {
        checkStart(waiting)
        waiting = waiting.subarray(FRAME_START.length)
        isBegun = true
      }
      // Any of the last bytes may be the end of the frame.
      const length = waiting.length - END_BYTES
      if (!isBegun || length <= 0) continue
      this.bodyBytes += length
      yield waiting.subarray(0, length)
      waiting = waiting.subarray(length)
    }
    if (!isBegun || waiting.length < END_BYTES) throw corrupt('it is cut')
    this.#end = waiting
  }

  /** To be called when the body was read. @throws CodecError Corrupt unless this is what the end tells. */
  checkEnd({ size, checksum }: Content): void {
    if (this.#end.readBigUInt64LE(0) !== BigInt(size)) throw corrupt('it has another size than it says')
    if (this.#end.readUInt32LE(8) !== checksum) throw corrupt('its checksum is wrong')
  }
}

/** The error for an object that is not as it was written. */
export function corrupt(reason: string, cause?: unknown): CodecError {
  return new CodecError('Corrupt', `the object cannot be decoded: ${reason}`, { cause })
}

function checkStart(bytes: Uint8Array): void {
  if (FRAME_START.some((byte, index) => bytes[index] !== byte)) throw corrupt('it is not of this format')
}
