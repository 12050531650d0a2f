import { createSecretKey } from 'node:crypto'
import { CodecError, type CodecContext } from '@walr/core/plugin'
import { ChunkCipher } from './chunk-cipher.ts'
import { wrapDataKey } from './data-key.ts'
import { FRAME_HEAD_LENGTH, MARK_LENGTH, MAX_CHUNK_NUMBER, TAG_LENGTH } from './frame-format.ts'
import { BODY_ID_LENGTH, digestObjectKey, encodeBinding, WRAP_NONCE_LENGTH } from './header-format.ts'
import { KEY_LENGTH, type WrappingKey } from './wrapping-key.ts'

/** What encryption needs beside the bytes. */
export interface EncryptOptions {
  /** Wraps the data key. */
  readonly key: WrappingKey
  /** In bytes, a power of two. */
  readonly chunkSize: number
  /** Gives that many bytes that nobody can guess, fresh at each call: data key, body id and nonce of the wrapping. */
  readonly random: (length: number) => Uint8Array
}

/**
 * Encrypts a stream as one object. What it gives is one buffer, filled anew at each step: the consumer's until it asks
 * for the next chunk.
 * @throws the signal's reason; what the input throws; CodecError Corrupt for an input of more than 2^32 chunks.
 */
export async function* encrypt(
  plain: AsyncIterable<Uint8Array>,
  { key, chunkSize, random }: EncryptOptions,
  { objectKey, signal }: CodecContext,
): AsyncGenerator<Uint8Array, void, undefined> {
  signal.throwIfAborted()
  const dataKey = createSecretKey(random(KEY_LENGTH))
  const bodyId = random(BODY_ID_LENGTH)
  const binding = encodeBinding({ chunkSize, bodyId, objectKeyDigest: digestObjectKey(objectKey) })
  const header = wrapDataKey(binding, key, dataKey, random(WRAP_NONCE_LENGTH))
  const cipher = new ChunkCipher(dataKey, binding)
  const mark = bodyId.subarray(0, MARK_LENGTH)
  const frame = Buffer.allocUnsafeSlow(FRAME_HEAD_LENGTH + chunkSize + TAG_LENGTH)
  const held = Buffer.allocUnsafeSlow(chunkSize)
  let heldLength = 0
  let chunkNumber = 0
  const seal = (chunk: Uint8Array, isLast: boolean): Uint8Array => {
    if (chunkNumber > MAX_CHUNK_NUMBER) throw tooLong(chunkSize)
    const sealed = cipher.seal({ mark, chunkNumber, isLast, length: chunk.length }, chunk, frame)
    return chunkNumber++ === 0 ? Buffer.concat([header, sealed]) : sealed
  }

  for await (const piece of plain) {
    signal.throwIfAborted()
    for (let at = 0; at < piece.length;) {
      // A chunk is sealed when more bytes follow it: only then is it known not to be the last one.
      if (heldLength === chunkSize) {
        yield seal(held, false)
        heldLength = 0
      }
      if (heldLength === 0 && piece.length - at > chunkSize) {
        yield seal(piece.subarray(at, at + chunkSize), false)
        at += chunkSize
      } else {
        const part = piece.subarray(at, at + chunkSize - heldLength)
        held.set(part, heldLength)
        heldLength += part.length
        at += part.length
      }
      signal.throwIfAborted()
    }
  }
  signal.throwIfAborted()
  yield seal(held.subarray(0, heldLength), true)
}

function tooLong(chunkSize: number): CodecError {
  const most = `${MAX_CHUNK_NUMBER + 1} chunks of ${chunkSize} bytes`
  return new CodecError('Corrupt', `more than ${most} do not fit into one object; use larger chunks`)
}
