import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { ObjectChecksum } from '../plugins/contract/index.ts'

/**
 * Computes a checksum the way a storage does.
 * @returns undefined for one that is not known here: then the plugin's own comparison has to do.
 */
export function checksumOf(algorithm: ObjectChecksum['algorithm'], bytes: Uint8Array): string | undefined {
  switch (algorithm) {
    case 'md5':
    case 'sha1':
    case 'sha256':
      return createHash(algorithm).update(bytes).digest('hex')
    case 'crc32':
      return crc32(bytes).toString(16).padStart(8, '0')
    case 'crc32c':
      return undefined
  }
}
