import { createHash, type Hash } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** The algorithms of `x-amz-checksum-*` that this plugin sends. */
export type ChecksumAlgorithm = 'CRC32' | 'SHA1' | 'SHA256'

/** Digests of some bytes. */
export interface Digests {
  readonly md5: Buffer
  /** Of the algorithm chosen. */
  readonly checksum: Buffer
}

/** Computes digests while the bytes pass, so that no long stretch of work is left for the end. */
export class DigestMeter {
  readonly #md5 = createHash('md5')
  readonly #checksum: Checksum

  constructor(algorithm: ChecksumAlgorithm) {
    this.#checksum = createChecksum(algorithm)
  }

  update(bytes: Uint8Array): void {
    this.#md5.update(bytes)
    this.#checksum.update(bytes)
  }

  /** To be called once. */
  finish(): Digests {
    return { md5: this.#md5.digest(), checksum: this.#checksum.digest() }
  }
}

/** A digest of the digests of all parts: what S3 takes for the ETag and the checksum of an object in parts. */
export function digestOfDigests(algorithm: 'md5' | ChecksumAlgorithm, digests: readonly Buffer[]): Buffer {
  const checksum = algorithm === 'md5' ? createHash('md5') : createChecksum(algorithm)
  for (const digest of digests) checksum.update(digest)
  return checksum.digest()
}

/** Computes one checksum. */
export interface Checksum {
  update(bytes: Uint8Array): unknown
  digest(): Buffer
}

/** @returns a checksum of no bytes yet. */
export function createChecksum(algorithm: ChecksumAlgorithm): Checksum {
  if (algorithm !== 'CRC32') return createHash(algorithm.toLowerCase()) satisfies Hash
  let value = 0
  return {
    update: (bytes) => {
      value = crc32(bytes, value)
    },
    digest: () => {
      const digest = Buffer.alloc(4)
      digest.writeUInt32BE(value)
      return digest
    },
  }
}
