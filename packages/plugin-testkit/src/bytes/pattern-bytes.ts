import { createCipheriv } from 'node:crypto'

/** `length` bytes that look random and are the same for the same `seed`, on every machine: a key stream of AES. */
export function patternBytes(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const key = Buffer.alloc(16)
  key.writeUInt32BE(seed >>> 0)
  return new Uint8Array(createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(new Uint8Array(length)))
}

/** A generator of 32-bit numbers (xorshift), the same for the same `seed`. */
export function patternNumbers(seed: number): () => number {
  // Zero is the one state that xorshift never leaves.
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ 0x85ebca6b) >>> 0 || 1
  return () => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state
  }
}

/** `length` bytes that every compression makes much smaller, and that repeat at no power of two. */
export function compressibleBytes(length: number): Uint8Array<ArrayBuffer> {
  const sentence = Buffer.from('0/16B3748: a page of WAL looks much like the one before it. ')
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at += sentence.length) bytes.set(sentence.subarray(0, length - at), at)
  return bytes
}
