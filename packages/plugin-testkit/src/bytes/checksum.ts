import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { ObjectChecksum } from '@walr/core/plugin'

const CRC32C_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
  return value
})

/** The checksum of `bytes` as a storage has to write it: lower-case hexadecimal digits. */
export function checksumOf(bytes: Uint8Array, algorithm: ObjectChecksum['algorithm']): string {
  switch (algorithm) {
    case 'md5':
    case 'sha1':
    case 'sha256':
      return createHash(algorithm).update(bytes).digest('hex')
    case 'crc32':
      return hexadecimal(crc32(bytes))
    case 'crc32c':
      return hexadecimal(crc32c(bytes))
  }
}

function crc32c(bytes: Uint8Array): number {
  let value = 0xffffffff
  for (const byte of bytes) value = (CRC32C_TABLE[(value ^ byte) & 0xff] ?? 0) ^ (value >>> 8)
  return (value ^ 0xffffffff) >>> 0
}

function hexadecimal(value: number): string {
  return value.toString(16).padStart(8, '0')
}
