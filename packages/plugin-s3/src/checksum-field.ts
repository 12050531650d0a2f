import type { S3Options } from './options.ts'

/** A checksum in the field of the SDK's commands that belongs to its algorithm. */
export interface ChecksumField {
  ChecksumCRC32?: string
  ChecksumSHA1?: string
  ChecksumSHA256?: string
}

/** The field for a checksum; none when the options say that no checksum beside MD5 is to be sent. */
export function checksumField(options: S3Options, checksum: Buffer): ChecksumField {
  if (options.requestChecksumCalculation === 'WHEN_REQUIRED') return {}
  return { [`Checksum${options.checksumAlgorithm}`]: checksum.toString('base64') }
}
