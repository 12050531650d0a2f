import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { ObjectChecksum } from '../plugins/contract/index.ts'

/**
 * Computes a checksum of the chunks the way a storage does.
 * @returns undefined for one that is not known here: then the plugin's own comparison has to do.
 */
export function checksumOf(algorithm: ObjectChecksum['algorithm'], chunks: Iterable<Uint8Array>): string | undefined {
  switch (algorithm) {
    case 'md5':
    case 'sha1':
    case 'sha256': {
      const hash = createHash(algorithm)
      for (const chunk of chunks) hash.update(chunk)
      return hash.digest('hex')
    }
    case 'crc32': {
      let value = 0
      for (const chunk of chunks) value = crc32(chunk, value)
      return value.toString(16).padStart(8, '0')
    }
    case 'crc32c':
      return undefined
  }
}
