import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'
import {
  FRAME_HEAD_LENGTH,
  NONCE_LENGTH,
  parseFrameHead,
  TAG_LENGTH,
  writeFrameHead,
  writeFrameNonce,
  type FrameHead,
} from './frame-format.ts'

/**
 * Encrypts and decrypts the frames of one object. Additional data of each frame are the object's binding (the part of
 * the header that never changes) and the frame's own head. One instance serves one object in one direction.
 */
export class ChunkCipher {
  readonly #dataKey: KeyObject
  readonly #additionalData: Buffer
  readonly #head: Buffer
  readonly #nonce = Buffer.alloc(NONCE_LENGTH)

  /** @param binding is copied. */
  constructor(dataKey: KeyObject, binding: Uint8Array) {
    this.#dataKey = dataKey
    this.#additionalData = Buffer.concat([binding, Buffer.alloc(FRAME_HEAD_LENGTH)])
    this.#head = this.#additionalData.subarray(binding.length)
  }

  /**
   * Writes the frame of `plain` to the beginning of `target`.
   * @returns the bytes of the frame, a view of `target`.
   */
  seal(head: FrameHead, plain: Uint8Array, target: Buffer): Buffer {
    writeFrameHead(this.#head, head)
    writeFrameNonce(this.#nonce, head.chunkNumber, head.isLast)
    const cipher = createCipheriv('aes-256-gcm', this.#dataKey, this.#nonce, { authTagLength: TAG_LENGTH })
    cipher.setAAD(this.#additionalData)
    target.set(this.#head, 0)
    const encrypted = cipher.update(plain)
    target.set(encrypted, FRAME_HEAD_LENGTH)
    release(encrypted)
    cipher.final()
    const end = FRAME_HEAD_LENGTH + plain.length
    target.set(cipher.getAuthTag(), end)
    return target.subarray(0, end + TAG_LENGTH)
  }

  /** Takes the head of the frame that {@link open} opens next; the bytes are copied. */
  readHead(bytes: Uint8Array): FrameHead {
    this.#head.set(bytes, 0)
    return parseFrameHead(this.#head)
  }

  /**
   * Decrypts the frame whose head was read last.
   * @param sealed ciphertext and tag.
   * @returns the plain bytes, a buffer of its own; undefined when the tag does not fit. The head is proven by the tag,
   *   too.
   */
  open({ chunkNumber, isLast }: FrameHead, sealed: Uint8Array): Buffer | undefined {
    writeFrameNonce(this.#nonce, chunkNumber, isLast)
    const decipher = createDecipheriv('aes-256-gcm', this.#dataKey, this.#nonce, { authTagLength: TAG_LENGTH })
    decipher.setAAD(this.#additionalData)
    const end = sealed.length - TAG_LENGTH
    decipher.setAuthTag(sealed.subarray(end))
    const plain = decipher.update(sealed.subarray(0, end))
    try {
      decipher.final()
    } catch {
      // Node says no more than that the tag is another one.
      return undefined
    }
    return plain
  }
}

/**
 * Gives the memory of a buffer of Node's ciphers back at once. Waiting for the garbage collector keeps 64 MiB and more
 * of them before it runs. Nobody may use the buffer afterwards: it is empty then.
 */
export function release({ buffer, byteLength }: Buffer): void {
  // Memory that is shared with other buffers is left alone, and so is what the consumer has given away.
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && !buffer.detached) buffer.transfer(0)
}
