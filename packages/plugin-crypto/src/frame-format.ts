/**
 * The body of an encrypted object: frames, one for each chunk of the plain bytes. docs/archive-format/encryption.md
 * specifies it byte by byte.
 */

/** Bytes of a frame before its ciphertext: mark, chunk number, last flag and length. */
export const FRAME_HEAD_LENGTH = 12
/** Bytes of the GCM tag behind the ciphertext of a frame. */
export const TAG_LENGTH = 16
/** Bytes of AES-256-GCM's nonce. */
export const NONCE_LENGTH = 12
/** Bytes of the body id that each frame repeats, so that a frame of another object is known as such. */
export const MARK_LENGTH = 4
/** Chunks are counted from 0 in 32 bits. */
export const MAX_CHUNK_NUMBER = 0xffff_ffff

const LAST_FLAG = 0x8000_0000

/** What stands in front of a chunk's ciphertext. Nothing of it is to be trusted before the tag was verified. */
export interface FrameHead {
  /** The first bytes of the body id of the object that the frame belongs to; a view of the bytes parsed. */
  readonly mark: Uint8Array
  readonly chunkNumber: number
  readonly isLast: boolean
  /** Bytes of the chunk, plain as well as encrypted; without the tag. */
  readonly length: number
}

/** Writes a frame's head into the first {@link FRAME_HEAD_LENGTH} bytes of `target`. */
export function writeFrameHead(target: Buffer, head: FrameHead): void {
  target.set(head.mark, 0)
  target.writeUInt32BE(head.chunkNumber, MARK_LENGTH)
  target.writeUInt32BE((head.length | (head.isLast ? LAST_FLAG : 0)) >>> 0, MARK_LENGTH + 4)
}

/** Reads what {@link writeFrameHead} wrote. Any {@link FRAME_HEAD_LENGTH} bytes give a head; the caller judges it. */
export function parseFrameHead(bytes: Uint8Array): FrameHead {
  const view = new DataView(bytes.buffer, bytes.byteOffset, FRAME_HEAD_LENGTH)
  const lengthAndFlag = view.getUint32(MARK_LENGTH + 4)
  return {
    mark: bytes.subarray(0, MARK_LENGTH),
    chunkNumber: view.getUint32(MARK_LENGTH),
    isLast: lengthAndFlag >= LAST_FLAG,
    length: lengthAndFlag & (LAST_FLAG - 1),
  }
}

/**
 * Writes a frame's nonce into `target`: the chunk number as 11 bytes, big-endian, then 1 for the last chunk, else 0.
 */
export function writeFrameNonce(target: Buffer, chunkNumber: number, isLast: boolean): void {
  target.fill(0)
  target.writeUInt32BE(chunkNumber, NONCE_LENGTH - 5)
  target[NONCE_LENGTH - 1] = isLast ? 1 : 0
}
