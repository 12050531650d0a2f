import { isStorageError, StorageError, type StorageErrorCode } from '@walr/core/plugin'
import { describe, expect, it } from 'vitest'
import { SYSTEM_ERRORS } from '@walr/plugin-kit/storage'
import { s3StorageError, SDK_ERRORS, SERVICE_ERRORS, STATUS_ERRORS } from './error-map.ts'

/** An error as the SDK makes it of an answer. */
function answer(status: number, name = 'Unknown', headers: Readonly<Record<string, string>> = {}): Error {
  const parts = { name, $metadata: { httpStatusCode: status }, $response: { headers } }
  return Object.assign(new Error('UnknownError'), parts)
}

function system(code: string): Error {
  return Object.assign(new Error(code), { code })
}

const EXPECTED: Readonly<Record<StorageErrorCode, readonly string[]>> = {
  NotFound: ['NoSuchKey'],
  AlreadyExists: ['PreconditionFailed', '412'],
  AccessDenied: [
    ...['AccessDenied', 'AllAccessDisabled', 'AccountProblem', 'InvalidAccessKeyId', 'SignatureDoesNotMatch'],
    ...['InvalidToken', 'ExpiredToken', 'ExpiredTokenException', 'InvalidClientTokenId', 'UnrecognizedClientException'],
    ...['TokenRefreshRequired', '401', '403', 'CredentialsProviderError', 'ProviderError', 'TokenProviderError'],
  ],
  Transient: [
    ...['ConditionalRequestConflict', 'OperationAborted', 'TemporaryRedirect', 'BadDigest', 'InvalidDigest'],
    ...['XAmzContentChecksumMismatch', 'XAmzContentSHA256Mismatch', 'IncompleteBody', 'RequestTimeTooSkewed'],
    ...['RequestExpired', 'SlowDown', 'Throttling', 'ThrottlingException', 'TooManyRequests'],
    ...['TooManyRequestsException', 'RequestLimitExceeded', 'BandwidthLimitExceeded', 'RequestTimeout'],
    ...['InternalError', 'ServiceUnavailable', 'ServerBusy', '307', '408', '409', '425', '429', 'TimeoutError'],
    ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ESOCKETTIMEDOUT', 'ENOTFOUND'],
    ...['EAI_AGAIN', 'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'EADDRNOTAVAIL', 'EMFILE', 'ENFILE'],
    ...['ERR_STREAM_PREMATURE_CLOSE', 'HPE_INVALID_EOF_STATE'],
  ],
  Permanent: [
    ...['NoSuchBucket', 'NoSuchUpload', 'PermanentRedirect', 'AuthorizationHeaderMalformed'],
    ...['IllegalLocationConstraintException', 'QuotaExceeded', 'InvalidObjectState', 'EntityTooLarge'],
    ...['EntityTooSmall', 'MethodNotAllowed', 'NotImplemented', '301', '404'],
  ],
  Unsupported: [],
}
const rows = Object.entries(EXPECTED).flatMap(([code, names]) => names.map((name) => ({ code, name })))

describe('an error of the service', () => {
  it.each(rows)('$name is $code', ({ code, name }) => {
    const isStatus = /^\d+$/.test(name)
    const errors = [
      ...(isStatus ? [answer(Number(name))] : []),
      ...(Object.hasOwn(SERVICE_ERRORS, name) ? [answer(400, name), answer(500, name)] : []),
      ...(Object.hasOwn(SYSTEM_ERRORS, name) ? [system(name), new Error('wrapped', { cause: system(name) })] : []),
      ...(Object.hasOwn(SDK_ERRORS, name) ? [Object.assign(new Error('said by the SDK'), { name })] : []),
    ]
    expect(errors.length).toBeGreaterThan(0)
    for (const error of errors) {
      const mapped = s3StorageError(error, 'could not read "x"')
      expect(mapped.code).toBe(code)
      expect(mapped.message).toMatch(/^could not read "x": ./)
      expect(mapped.cause).toBe(error)
    }
  })

  it('has a row here for each row of the tables', () => {
    const tables = [SERVICE_ERRORS, STATUS_ERRORS, SYSTEM_ERRORS, SDK_ERRORS].flatMap((table) => Object.keys(table))
    expect(rows.map(({ name }) => name).sort()).toEqual(tables.sort())
  })

  it.each<[Error, StorageErrorCode]>([
    [answer(500), 'Transient'],
    [answer(599, 'SomethingNew'), 'Transient'],
    [answer(400, 'SomethingNew'), 'Permanent'],
    [answer(418), 'Permanent'],
    [answer(404, 'NotFound'), 'Permanent'],
    [new Error('what is this'), 'Permanent'],
    [new TypeError('a fault in the plugin'), 'Permanent'],
    [answer(200, 'constructor'), 'Permanent'],
  ])('that no table has is Transient from 500 on, otherwise Permanent (%o)', (error, code) => {
    expect(s3StorageError(error, 'x').code).toBe(code)
  })

  it.each([
    ...['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ...['CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID', 'EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER'],
  ])('of TLS, %s, is Permanent and tells what to do', (code) => {
    expect(s3StorageError(system(code), 'x')).toMatchObject({
      code: 'Permanent',
      message: expect.stringContaining('caFile') as string,
    })
  })

  it('says how long to wait only when it is Transient and in seconds', () => {
    const header = { 'retry-after': '12' }
    expect(s3StorageError(answer(503, 'SlowDown', header), 'x').retryAfterMs).toBe(12_000)
    expect(s3StorageError(answer(403, 'AccessDenied', header), 'x').retryAfterMs).toBeUndefined()
    const date = { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }
    expect(s3StorageError(answer(503, 'SlowDown', date), 'x').retryAfterMs).toBeUndefined()
  })

  it('explains that AccessDenied may stand for an absent key', () => {
    expect(s3StorageError(answer(403, 'AccessDenied'), 'x').message).toContain('s3:ListBucket')
  })

  it('stays as it is when it is a storage error already', () => {
    const error = new StorageError('NotFound', 'there')
    expect(s3StorageError(error, 'x')).toBe(error)
    expect(isStorageError(s3StorageError('text', 'x'), 'Permanent')).toBe(true)
  })
})
