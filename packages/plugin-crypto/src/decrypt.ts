import { CodecError, isCodecError, type CodecContext } from '@walr/core/plugin'
import { ByteReader } from './byte-reader.ts'
import { ChunkCipher, release } from './chunk-cipher.ts'
import { unwrapDataKey } from './data-key.ts'
import { FRAME_HEAD_LENGTH, MARK_LENGTH, TAG_LENGTH, type FrameHead } from './frame-format.ts'
import {
  digestObjectKey,
  HEADER_START_LENGTH,
  headerLength,
  parseHeader,
  type Header,
  type KeySlot,
} from './header-format.ts'
import type { WrappingKey } from './wrapping-key.ts'

/** Finds the key that a header asks for. Rejects with CodecError WrongKey when there is none. */
export type FindKey = (slot: KeySlot) => Promise<WrappingKey>

/**
 * Decrypts an object. No byte of a chunk is given before its tag was verified, and none of the last chunk before the
 * input has ended behind it. A buffer given is the consumer's until it asks for the next one, and empty afterwards.
 * @throws CodecError Corrupt or WrongKey, with the object key in the message; the signal's reason; what the input
 *   throws.
 */
export async function* decrypt(
  coded: AsyncIterable<Uint8Array>,
  findKey: FindKey,
  { objectKey, signal }: CodecContext,
): AsyncGenerator<Uint8Array, void, undefined> {
  signal.throwIfAborted()
  const source = new ByteReader(coded, signal)
  try {
    const header = await readHeader(source, objectKey)
    const key = await findKey(header.slot)
    signal.throwIfAborted()
    const cipher = new ChunkCipher(unwrapDataKey(header, key), header.binding)
    yield* decryptBody(source, header, cipher, signal)
  } catch (error) {
    // Whatever the input says to being closed is less important than the first failure.
    await source.close().catch(() => undefined)
    // The input may be another codec: its errors are not about this object's bytes and pass unchanged.
    throw isCodecError(error) && !source.hasFailedWith(error) ? named(error, objectKey) : error
  } finally {
    await source.close()
  }
}

async function readHeader(source: ByteReader, objectKey: string): Promise<Header> {
  // Copies: what the reader gives is valid until its next step only.
  const start = Buffer.from(await source.take(HEADER_START_LENGTH))
  if (start.length === 0) throw cut('is empty')
  if (start.length < HEADER_START_LENGTH) throw cut(`ends after ${start.length} bytes, within its header`)
  const length = headerLength(start)
  const rest = await source.take(length - HEADER_START_LENGTH)
  const bytes = Buffer.concat([start, rest])
  if (bytes.length < length) throw cut(`ends after ${bytes.length} bytes, within its header of ${length}`)
  const header = parseHeader(bytes)
  if (digestObjectKey(objectKey).equals(header.objectKeyDigest)) return header
  throw new CodecError('Corrupt', 'was written under another key: objects of the archive were exchanged or renamed')
}

async function* decryptBody(
  source: ByteReader,
  header: Header,
  cipher: ChunkCipher,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let expected = 0; ; expected++) {
    signal.throwIfAborted()
    const start = await source.take(FRAME_HEAD_LENGTH)
    if (start.length === 0) throw cut(`ends before chunk ${expected}, without a last chunk`)
    if (start.length < FRAME_HEAD_LENGTH) throw cut(`ends within the head of chunk ${expected}`)
    const head = cipher.readHead(start)
    if (head.length > header.chunkSize) {
      throw altered(expected, `its length would be ${head.length}, more than ${header.chunkSize}`)
    }
    const sealed = await source.take(head.length + TAG_LENGTH)
    if (sealed.length < head.length + TAG_LENGTH) {
      throw cut(`ends within chunk ${expected}, after ${sealed.length} of its ${head.length + TAG_LENGTH} bytes`)
    }
    const plain = cipher.open(head, sealed)
    if (plain === undefined) throw refused(head, expected, header)
    // From here on the head is known to be what was written.
    if (head.chunkNumber !== expected) throw outOfOrder(head, expected)
    checkLength(head, header)
    if (!head.isLast) {
      yield plain
      release(plain)
      continue
    }
    if ((await source.take(1)).length > 0) {
      throw new CodecError('Corrupt', `is followed by more bytes: chunk ${expected} is the last one`)
    }
    if (plain.length > 0) yield plain
    return
  }
}

/** Why a frame's tag does not fit, as far as its head can tell. */
function refused({ mark, chunkNumber }: FrameHead, expected: number, { bodyId }: Header): CodecError {
  if (!Buffer.from(mark).equals(bodyId.subarray(0, MARK_LENGTH))) {
    return altered(expected, 'it has the mark of another object')
  }
  if (chunkNumber !== expected) return altered(expected, `it has the number ${chunkNumber}, and its tag is wrong`)
  if (expected > 0) return altered(expected, 'its tag is wrong')
  return altered(expected, 'its tag is wrong; or the header is that of another body')
}

function outOfOrder({ chunkNumber }: FrameHead, expected: number): CodecError {
  const what = chunkNumber > expected ? 'chunks are missing or out of order' : 'chunks are repeated or out of order'
  return new CodecError('Corrupt', `has chunk ${chunkNumber} in the place of chunk ${expected}: ${what}`)
}

/**
 * Only an encoder that does not keep to the format makes such frames; reading them would allow two forms of one object.
 */
function checkLength({ chunkNumber, isLast, length }: FrameHead, { chunkSize }: Header): void {
  const fits = isLast ? length > 0 || chunkNumber === 0 : length === chunkSize
  if (!fits) throw altered(chunkNumber, `${length} bytes are not allowed there`)
}

function altered(chunkNumber: number, why: string): CodecError {
  return new CodecError('Corrupt', `has a chunk ${chunkNumber} that is altered: ${why}`)
}

function cut(how: string): CodecError {
  return new CodecError('Corrupt', `${how}: it was cut`)
}

function named({ code, message, cause }: CodecError, objectKey: string): CodecError {
  return new CodecError(code, `object "${objectKey}" ${message}`, cause === undefined ? undefined : { cause })
}
