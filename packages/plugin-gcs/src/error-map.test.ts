import { StorageError, type StorageErrorCode } from '@walr/core/plugin'
import { describe, expect, it } from 'vitest'
import { ApiError } from './api-error.ts'
import { gcsStorageError, REASON_ERRORS, STATUS_ERRORS } from './error-map.ts'

const EXPECTED: Readonly<Record<StorageErrorCode, readonly string[]>> = {
  NotFound: [],
  AlreadyExists: ['conditionNotMet'],
  AccessDenied: [
    ...['authError', 'lockedDomainExpired', 'authenticationRequiredRequesterPays', 'forbidden'],
    ...['insufficientPermissions', 'userProjectAccessDenied', '401', '403'],
  ],
  Transient: [
    ...['rateLimitExceeded', 'userRateLimitExceeded', 'usageLimitsRateLimitExceeded', 'uploadBrokenConnection'],
    ...['backendError', 'internalError', 'gatewayTimeout', 'conflict', '408', '409', '410', '425', '429'],
  ],
  Permanent: [
    ...['notFound', 'accountDisabled', 'userProjectAccountProblem', 'userProjectMissing', 'userProjectInvalid'],
    ...['userProjectInconsistent', 'retentionPolicyNotMet', 'objectUnderActiveHold', 'orgPolicyConstraintFailed'],
    ...['quotaExceeded', 'cloudKmsBadKey', 'cloudKmsDisabledKey', 'cloudKmsDecryptionKeyNotFound'],
    ...['cloudKmsEncryptionKeyNotFound', 'cloudKmsKeyLocationNotAllowed', 'customerEncryptionKeyIsIncorrect'],
    ...['resourceIsEncryptedWithCustomerEncryptionKey', 'resourceNotEncryptedWithCustomerEncryptionKey', '404'],
  ],
  Unsupported: [],
}
const rows = Object.entries(EXPECTED).flatMap(([code, names]) => names.map((name) => ({ code, name })))

describe('an error of the service', () => {
  it.each(rows)('$name is $code', ({ code, name }) => {
    const capital = name.replace(/^./, (letter) => letter.toUpperCase())
    const errors = /^\d+$/.test(name)
      ? [new ApiError(Number(name), '', 'said'), new ApiError(Number(name), 'somethingNew', 'said')]
      : [new ApiError(400, name, 'said'), new ApiError(403, capital, 'said')]
    for (const error of errors) {
      const mapped = gcsStorageError(error, 'could not read "x"')
      expect(mapped.code).toBe(code)
      expect(mapped.message).toMatch(/^could not read "x": said/)
      expect(mapped.cause).toBe(error)
    }
  })

  it('has a row here for each row of the tables', () => {
    const tables = [REASON_ERRORS, STATUS_ERRORS].flatMap((table) => Object.keys(table))
    expect(rows.map(({ name }) => name).sort()).toEqual(tables.sort())
  })

  it.each<[Error, StorageErrorCode]>([
    [new ApiError(500, '', ''), 'Transient'],
    [new ApiError(599, 'somethingNew', ''), 'Transient'],
    [new ApiError(400, 'somethingNew', ''), 'Permanent'],
    [new ApiError(418, '', ''), 'Permanent'],
    [new ApiError(200, 'constructor', ''), 'Permanent'],
    [new ApiError(412, '', ''), 'Permanent'],
    [new ApiError(400, 'invalid', 'Provided CRC32C "a" doesn\'t match calculated CRC32C "b".'), 'Transient'],
    [new ApiError(400, 'invalid', 'The storage class is invalid.'), 'Permanent'],
    [Object.assign(new Error('reset'), { code: 'ECONNRESET' }), 'Transient'],
    [new Error('wrapped', { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) }), 'Transient'],
    [Object.assign(new Error('tls'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), 'Permanent'],
    [new TypeError('a fault in the plugin'), 'Permanent'],
  ])('that no table has is Transient from 500 on, otherwise Permanent (%o)', (error, code) => {
    expect(gcsStorageError(error, 'x').code).toBe(code)
  })

  it('says how long to wait only when it is Transient', () => {
    expect(gcsStorageError(new ApiError(429, '', '', 12_000), 'x').retryAfterMs).toBe(12_000)
    expect(gcsStorageError(new ApiError(403, '', '', 12_000), 'x').retryAfterMs).toBeUndefined()
  })

  it('stays as it is when it is a storage error already', () => {
    const error = new StorageError('NotFound', 'there')
    expect(gcsStorageError(error, 'x')).toBe(error)
    expect(gcsStorageError('text', 'x').code).toBe('Permanent')
  })
})
