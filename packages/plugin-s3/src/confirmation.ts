import { StorageError, type ObjectChecksum, type PutConfirmation } from '@walr/core/plugin'
import type { S3Access } from './access.ts'
import type { ChecksumAlgorithm } from './digests.ts'
import { requestHead } from './head-object.ts'
import { s3StorageError } from './error-map.ts'

/** What was sent, as the server would tell it. */
export interface Expectation {
  readonly size: number
  readonly algorithm: ChecksumAlgorithm
  /** Hexadecimal, without quotes; for an object in parts with a dash and their number. */
  readonly etag: string
  /** Base64, of the whole object. */
  readonly checksum: string
  /** Base64, of the parts' checksums, with a dash and their number; undefined for an object that is not in parts. */
  readonly compositeChecksum: string | undefined
}

/** The part of S3's answers to PUT, CompleteMultipartUpload and HEAD that tells of the bytes it has. */
export interface Report {
  readonly ETag?: string | undefined
  readonly ContentLength?: number | undefined
  readonly ChecksumCRC32?: string | undefined
  readonly ChecksumSHA1?: string | undefined
  readonly ChecksumSHA256?: string | undefined
  readonly ServerSideEncryption?: string | undefined
  readonly SSECustomerAlgorithm?: string | undefined
}

/**
 * Compares what the server says it has with what was sent. When the answer to the upload tells nothing that can be
 * compared, the object's head is asked for. When anything differs the object is there all the same, under its name: the
 * next put with `ifAbsent` meets it, and core compares the contents.
 * @throws StorageError Transient when anything differs, or the object cannot be found.
 */
export async function confirmPut(
  access: S3Access,
  key: string,
  expected: Expectation,
  answer: Report,
  signal: AbortSignal,
): Promise<PutConfirmation> {
  if (compare(key, expected, answer)) return { size: expected.size, checksum: reportedChecksum(expected, answer) }
  const head = await findAgain(access, key, signal)
  if (head.ContentLength !== expected.size) {
    throw differs(key, 'size', String(head.ContentLength), String(expected.size))
  }
  compare(key, expected, head)
  return { size: head.ContentLength, checksum: reportedChecksum(expected, head) }
}

async function findAgain(access: S3Access, key: string, signal: AbortSignal): Promise<Report> {
  try {
    return await requestHead(access, key, signal)
  } catch (error) {
    const mapped = s3StorageError(error, 'the server confirmed the upload without a checksum, and asked for its size')
    if (mapped.code !== 'NotFound') throw mapped
    throw new StorageError('Transient', `"${key}" is absent just after the server confirmed it`, { cause: error })
  }
}

/** @returns whether there was anything to compare. */
function compare(key: string, expected: Expectation, report: Report): boolean {
  const checksum = report[`Checksum${expected.algorithm}`]
  const wanted = checksum?.includes('-') === true ? expected.compositeChecksum : expected.checksum
  if (checksum !== undefined && checksum !== wanted) throw differs(key, expected.algorithm, checksum, wanted ?? 'none')
  const etag = comparableEtag(report)
  if (etag !== undefined && etag !== expected.etag) throw differs(key, 'ETag', etag, expected.etag)
  return checksum !== undefined || etag !== undefined
}

/** The server's own checksum of the whole object. */
function reportedChecksum({ algorithm }: Expectation, report: Report): ObjectChecksum | undefined {
  const checksum = report[`Checksum${algorithm}`]
  if (checksum !== undefined && !checksum.includes('-')) {
    const value = Buffer.from(checksum, 'base64').toString('hex')
    return { algorithm: CONTRACT_NAMES[algorithm], value }
  }
  const etag = comparableEtag(report)
  return etag?.length === 32 ? { algorithm: 'md5', value: etag } : undefined
}

const CONTRACT_NAMES = { CRC32: 'crc32', SHA1: 'sha1', SHA256: 'sha256' } as const

/** The ETag, where it is made of MD5: not with keys of KMS or of the customer, and not at every server. */
function comparableEtag({ ETag, ServerSideEncryption, SSECustomerAlgorithm }: Report): string | undefined {
  if (SSECustomerAlgorithm !== undefined || (ServerSideEncryption ?? 'AES256') !== 'AES256') return undefined
  return /^"?([0-9a-f]{32}(?:-\d+)?)"?$/i.exec(ETag ?? '')?.[1]?.toLowerCase()
}

function differs(key: string, what: string, reported: string, sent: string): StorageError {
  return new StorageError(
    'Transient',
    `the server reports ${what} ${reported} of "${key}", but what was sent has ${sent}; the object is there now, ` +
      'under its name, and is not to be trusted',
  )
}
