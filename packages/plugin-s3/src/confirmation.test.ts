import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { isStorageError } from '@walr/core/plugin'
import { describe, expect, it } from 'vitest'
import type { S3Access } from './access.ts'
import { confirmPut, type Expectation, type Report } from './confirmation.ts'
import { createChecksum, digestOfDigests } from './digests.ts'

const BYTES = Buffer.from('the bytes of an object')
const MD5 = createHash('md5').update(BYTES).digest('hex')
const CRC = createChecksum('CRC32')
CRC.update(BYTES.subarray(0, 5))
CRC.update(BYTES.subarray(5))
const CHECKSUM = CRC.digest()

const expected: Expectation = {
  size: BYTES.length,
  algorithm: 'CRC32',
  etag: MD5,
  checksum: CHECKSUM.toString('base64'),
  compositeChecksum: 'AAAAAA==-2',
}
const transient = expect.toSatisfy((error: unknown) => isStorageError(error, 'Transient')) as Error

/** No request may be made: there is no client. */
function confirm(report: Report, change: Partial<Expectation> = {}) {
  return confirmPut({} as S3Access, 'wal/x', { ...expected, ...change }, report, new AbortController().signal)
}

describe('a confirmation', () => {
  it('has the checksum that the server computed, as hexadecimal digits', async () => {
    const value = crc32(BYTES).toString(16).padStart(8, '0')
    const confirmation = { size: BYTES.length, checksum: { algorithm: 'crc32', value } }
    expect(await confirm({ ChecksumCRC32: expected.checksum, ETag: `"${MD5}"` })).toEqual(confirmation)
    expect(await confirm({ ChecksumCRC32: expected.checksum, ETag: '"no md5"' })).toEqual(confirmation)
  })

  it('has the MD5 where the ETag is one', async () => {
    const confirmation = { size: BYTES.length, checksum: { algorithm: 'md5', value: MD5 } }
    expect(await confirm({ ETag: `"${MD5}"` })).toEqual(confirmation)
    expect(await confirm({ ETag: MD5.toUpperCase(), ServerSideEncryption: 'AES256' })).toEqual(confirmation)
  })

  it('has no checksum of an object in parts, unless the server knows one of the whole', async () => {
    const etag = `${MD5}-2`
    expect(await confirm({ ETag: `"${etag}"` }, { etag })).toEqual({ size: BYTES.length, checksum: undefined })
    expect(await confirm({ ChecksumCRC32: 'AAAAAA==-2' })).toEqual({ size: BYTES.length, checksum: undefined })
  })

  it.each<[string, Report]>([
    ['the checksum', { ChecksumCRC32: 'AAAAAA==' }],
    ['the checksum of the parts', { ChecksumCRC32: 'BBBBBB==-2' }],
    ['the checksum, with the right ETag', { ChecksumCRC32: 'AAAAAA==', ETag: `"${MD5}"` }],
    ['the ETag', { ETag: `"${MD5.replace(/^./, 'x').replace('x', MD5.startsWith('0') ? '1' : '0')}"` }],
    ['the ETag, with the right checksum', { ChecksumCRC32: expected.checksum, ETag: '0'.repeat(32) }],
    ['the number of parts', { ETag: `"${MD5}-3"` }],
  ])('fails when the server reports another value of %s', async (_what, report) => {
    await expect(confirm(report)).rejects.toThrow(transient)
  })

  it.each<Report>([{ ServerSideEncryption: 'aws:kms' }, { SSECustomerAlgorithm: 'AES256' }])(
    'does not take the ETag for an MD5 with %o',
    async (encryption) => {
      const report = { ...encryption, ETag: `"${'0'.repeat(32)}"`, ChecksumCRC32: expected.checksum }
      expect((await confirm(report)).checksum?.algorithm).toBe('crc32')
    },
  )
})

describe('a digest of digests', () => {
  it('is what S3 makes of the parts of an upload', () => {
    const parts = ['a', 'b'].map((part) => createHash('md5').update(part).digest())
    expect(digestOfDigests('md5', parts).equals(createHash('md5').update(Buffer.concat(parts)).digest())).toBe(true)
    expect(digestOfDigests('SHA256', parts).equals(createHash('sha256').update(Buffer.concat(parts)).digest())).toBe(
      true,
    )
  })
})
