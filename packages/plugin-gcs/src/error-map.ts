import { isStorageError, StorageError } from '@walr/core/plugin'
import { denied, lookUp, permanent, systemErrorMeaning, transient, type ErrorMeaning } from '@walr/plugin-kit/storage'
import { ApiError } from './api-error.ts'

const checkRights = 'check the permissions: the roles of the account on this bucket, see the README of the plugin'
const checkCredentials = 'check the credentials: "keyFile", or the application default credentials'
const checkKms =
  'check "kmsKeyName", or the default key of the bucket: the key must be enabled, and in the same location'
const tlsAdvice = 'set "caFile" to the authority that signed the server, or correct the host name in "endpoint"'

/** By the `reason` in the server's error document, its first letter small. What is in none of these tables is `Permanent`. */
export const REASON_ERRORS: Readonly<Record<string, ErrorMeaning>> = {
  conditionNotMet: { code: 'AlreadyExists' }, // walr sends no other condition than "there is no object"

  // which of bucket and object is absent is asked for in head-object.ts
  notFound: permanent('create the bucket, or correct "bucket" or "endpoint"'),

  authError: denied(checkCredentials),
  lockedDomainExpired: denied(checkCredentials),
  authenticationRequiredRequesterPays: denied(checkCredentials),
  forbidden: denied(checkRights),
  insufficientPermissions: denied(checkRights),
  accountDisabled: permanent('the account of the project is disabled'),
  userProjectAccessDenied: denied('the account may not use the project in "userProject"'),
  userProjectAccountProblem: permanent('look at the billing of the project in "userProject"'),
  userProjectMissing: permanent('the requester pays for this bucket: set "userProject"'),
  userProjectInvalid: permanent('correct "userProject"'),
  userProjectInconsistent: permanent('correct "userProject"'),

  retentionPolicyNotMet: permanent('the retention policy of the bucket forbids it'),
  objectUnderActiveHold: permanent('there is a hold on the object'),
  orgPolicyConstraintFailed: permanent('a policy of the organization forbids it'),
  quotaExceeded: permanent('raise the quota'),
  cloudKmsBadKey: permanent(checkKms),
  cloudKmsDisabledKey: permanent(checkKms),
  cloudKmsDecryptionKeyNotFound: permanent(checkKms),
  cloudKmsEncryptionKeyNotFound: permanent(checkKms),
  cloudKmsKeyLocationNotAllowed: permanent(checkKms),
  customerEncryptionKeyIsIncorrect: permanent('the object was stored with another "encryptionKey"'),
  resourceIsEncryptedWithCustomerEncryptionKey: permanent('the object needs the "encryptionKey" it was stored with'),
  resourceNotEncryptedWithCustomerEncryptionKey: permanent('the object was stored without "encryptionKey"'),

  rateLimitExceeded: transient,
  userRateLimitExceeded: transient,
  usageLimitsRateLimitExceeded: transient,
  uploadBrokenConnection: transient,
  backendError: transient,
  internalError: transient,
  gatewayTimeout: transient,
  conflict: transient,
}

/** By the status, for answers that say no more. */
export const STATUS_ERRORS: Readonly<Record<number, ErrorMeaning>> = {
  401: denied(checkCredentials),
  403: denied(checkRights),
  // never NotFound: what is absent is asked for in head-object.ts
  404: permanent('create the bucket, or correct "bucket" or "endpoint"'),
  408: transient,
  409: transient,
  410: transient, // an upload that the server gave up
  425: transient,
  429: transient,
}

/** The server compared the checksum that was sent with the bytes that arrived. It has no `reason` of its own. */
const damagedUpload = /\b(CRC32C|MD5)\b.*doesn't match/i

/** Any error as the contract wants it. `failed` begins the message: `could not store "wal/x"`. Storage errors stay. */
export function gcsStorageError(error: unknown, failed: string): StorageError {
  if (isStorageError(error)) return error
  const { code, advice } = meaningOf(error)
  const text = [describe(error), advice].filter((part) => part !== undefined).join('; ')
  const retryAfterMs = code === 'Transient' && error instanceof ApiError ? error.retryAfterMs : undefined
  return new StorageError(code, `${failed}: ${text}`, { cause: error, retryAfterMs })
}

function meaningOf(error: unknown): ErrorMeaning {
  if (!(error instanceof ApiError)) return systemErrorMeaning(error, tlsAdvice) ?? permanent()
  const { status, reason, message } = error
  if (status === 400 && damagedUpload.test(message)) return transient
  // a limit of rate may come with 403, and a server in trouble may give any reason
  const known = lookUp(
    REASON_ERRORS,
    reason.replace(/^[A-Z]/, (letter) => letter.toLowerCase()),
  )
  return known ?? lookUp(STATUS_ERRORS, status) ?? (status >= 500 ? transient : permanent())
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.message === 'aborted') return 'the connection ended, or fell silent, in the middle of the answer'
  return error.message === '' ? error.name : error.message
}
