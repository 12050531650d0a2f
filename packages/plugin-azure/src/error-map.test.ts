import { inspect } from 'node:util'
import { isStorageError, StorageError, type StorageErrorCode } from '@walr/core/plugin'
import { describe, expect, it } from 'vitest'
import { azureStorageError, SDK_ERRORS, SERVICE_ERRORS, STATUS_ERRORS } from './error-map.ts'

type Headers = Readonly<Record<string, string>>

/** An error as the SDK makes it of an answer; Azure's code comes with a header. */
function answer(status: number, code?: string, headers: Headers = {}, message = 'said\nRequestId:1\nTime:2'): Error {
  const all: Headers = code === undefined ? headers : { 'x-ms-error-code': code, ...headers }
  const response = { headers: { get: (name: string) => all[name] } }
  return Object.assign(new Error(message), { name: 'RestError', statusCode: status, response })
}

function failure(code: string, message = code): Error {
  return Object.assign(new Error(message), { name: 'RestError', code })
}

const EXPECTED: Readonly<Record<StorageErrorCode, readonly string[]>> = {
  NotFound: ['BlobNotFound'],
  AlreadyExists: ['BlobAlreadyExists', 'ConditionNotMet', '412'],
  AccessDenied: [
    ...['AuthenticationFailed', 'InvalidAuthenticationInfo', 'NoAuthenticationInformation'],
    ...['KeyBasedAuthenticationNotPermitted', 'PublicAccessNotPermitted', 'InsufficientAccountPermissions'],
    ...['AuthorizationFailure', 'AuthorizationPermissionMismatch', 'AuthorizationProtocolMismatch'],
    ...['AuthorizationServiceMismatch', 'AuthorizationResourceTypeMismatch', 'AuthorizationSourceIPMismatch'],
    ...['401', '403'],
  ],
  Transient: [
    ...['Md5Mismatch', 'InvalidMd5', 'InvalidBlockList', 'PendingCopyOperation', 'AccountBeingCreated', 'ServerBusy'],
    ...['OperationTimedOut', 'InternalError', '408', '425', '429', 'REQUEST_SEND_ERROR', 'AbortError'],
  ],
  Permanent: [
    ...['ContainerNotFound', 'ContainerBeingDeleted', 'ContainerDisabled', 'ResourceNotFound', 'LeaseIdMissing'],
    ...['LeaseIdMismatchWithBlobOperation', 'LeaseAlreadyPresent', 'LeaseLost', 'SnapshotsPresent'],
    ...['BlobImmutableDueToPolicy', 'BlobArchived', 'BlobBeingRehydrated', 'InvalidBlobType', 'InvalidBlobOrBlock'],
    ...['BlockCountExceedsLimit', 'BlobUsesCustomerSpecifiedEncryption', 'RequestBodyTooLarge'],
    ...['FeatureNotSupported', 'AccountIsDisabled', '404', '409'],
  ],
  Unsupported: [],
}
const rows = Object.entries(EXPECTED).flatMap(([code, names]) => names.map((name) => ({ code, name })))

describe('an error of the service', () => {
  it.each(rows)('$name is $code', ({ code, name }) => {
    const isStatus = /^\d+$/.test(name)
    const errors = [
      ...(isStatus ? [answer(Number(name)), answer(Number(name), 'SomethingNew')] : []),
      ...(Object.hasOwn(SERVICE_ERRORS, name) ? [answer(400, name), answer(409, name), answer(500, name)] : []),
      ...(Object.hasOwn(SDK_ERRORS, name) ? [failure(name), Object.assign(new Error('said'), { name })] : []),
    ]
    expect(errors.length).toBeGreaterThan(0)
    for (const error of errors) {
      const mapped = azureStorageError(error, 'could not read "x"')
      expect(mapped.code).toBe(code)
      expect(mapped.message).toMatch(/^could not read "x": ./)
    }
  })

  it('has a row here for each row of the tables', () => {
    const tables = [SERVICE_ERRORS, STATUS_ERRORS, SDK_ERRORS].flatMap((table) => Object.keys(table))
    expect(rows.map(({ name }) => name).sort()).toEqual(tables.sort())
  })

  it.each<[Error, StorageErrorCode]>([
    [answer(500), 'Transient'],
    [answer(599, 'SomethingNew'), 'Transient'],
    [answer(400, 'SomethingNew'), 'Permanent'],
    [answer(418), 'Permanent'],
    [answer(404, 'NotFound'), 'Permanent'],
    [answer(200, 'constructor'), 'Permanent'],
    [answer(400, 'InvalidOperation', {}, "Provided contentMD5 doesn't match."), 'Transient'],
    [answer(400, 'InvalidOperation'), 'Permanent'],
    [failure('PARSE_ERROR', 'Error reading response as text: aborted'), 'Transient'],
    [failure('PARSE_ERROR', 'Error "x" occurred while parsing the response body'), 'Permanent'],
    [failure('ECONNREFUSED'), 'Transient'],
    [failure('ETIMEDOUT'), 'Transient'],
    [failure('BlobNotFound'), 'Permanent'],
    [new Error('what is this'), 'Permanent'],
    [new TypeError('a fault in the plugin'), 'Permanent'],
  ])('that no table has is Transient from 500 on, otherwise Permanent (%o)', (error, code) => {
    expect(azureStorageError(error, 'x').code).toBe(code)
  })

  it('is told by its document when the header is missing', () => {
    expect(azureStorageError(Object.assign(answer(404), { code: 'BlobNotFound' }), 'x').code).toBe('NotFound')
  })

  it.each(['DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'ERR_TLS_CERT_ALTNAME_INVALID'])(
    'of TLS, %s, is Permanent and tells what to do',
    (code) => {
      const mapped = azureStorageError(failure(code), 'x')
      expect(mapped.code).toBe('Permanent')
      expect(mapped.message).toContain('caFile')
    },
  )

  it('says how long to wait only when it is Transient and in seconds', () => {
    const header = { 'retry-after': '12' }
    expect(azureStorageError(answer(503, 'ServerBusy', header), 'x').retryAfterMs).toBe(12_000)
    expect(azureStorageError(answer(403, 'AuthorizationFailure', header), 'x').retryAfterMs).toBeUndefined()
    const date = { 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }
    expect(azureStorageError(answer(503, 'ServerBusy', date), 'x').retryAfterMs).toBeUndefined()
  })

  it('is told without the ids of the request and without pages of HTML', () => {
    expect(azureStorageError(answer(403, 'AuthenticationFailed'), 'x').message).toMatch(
      /^x: the server answered 403 AuthenticationFailed: said; check the key/,
    )
    expect(azureStorageError(answer(502, undefined, {}, '<html>a gateway'), 'x').message).toBe(
      'x: the server answered 502',
    )
  })

  it('keeps the error of the SDK as its cause, without the request and its secrets', () => {
    const request = { headers: { 'x-ms-encryption-key': 'sEcReT' }, url: 'https://x.example.com/?sig=sEcReT' }
    const error = Object.defineProperty(answer(503, 'ServerBusy'), 'request', { value: request, enumerable: false })
    const mapped = azureStorageError(error, 'x')
    expect(mapped.cause).toMatchObject({ name: 'RestError', statusCode: 503 })
    expect(inspect(mapped, { depth: 20, showHidden: true })).not.toContain('sEcReT')
  })

  it('stays as it is when it is a storage error already', () => {
    const error = new StorageError('NotFound', 'there')
    expect(azureStorageError(error, 'x')).toBe(error)
    expect(isStorageError(azureStorageError('text', 'x'), 'Permanent')).toBe(true)
  })
})
