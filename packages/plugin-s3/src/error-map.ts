import { isStorageError, StorageError } from '@walr/core/plugin'
import {
  denied,
  field,
  lookUp,
  permanent,
  retryAfterMs,
  systemErrorMeaning,
  textField,
  transient,
  type ErrorMeaning,
} from '@walr/plugin-kit/storage'

const checkKey = 'check the credentials in the options, the environment or the profile'
const checkRights = 'check the permissions; without s3:ListBucket S3 says this of an absent key, too'
const checkRegion = 'set "region" to the region of the bucket'

/** By the `Code` of S3's error document. What is in none of these tables is `Permanent`. */
export const SERVICE_ERRORS: Readonly<Record<string, ErrorMeaning>> = {
  NoSuchKey: { code: 'NotFound' },
  PreconditionFailed: { code: 'AlreadyExists' }, // walr sends no other condition than If-None-Match
  ConditionalRequestConflict: transient, // another writer is at it, and may fail yet
  OperationAborted: transient,

  NoSuchBucket: permanent('create the bucket, or correct "bucket", "region" or "endpoint"'),
  NoSuchUpload: permanent('something removed the parts of an upload under way; look at the rules of the bucket'),
  PermanentRedirect: permanent(checkRegion),
  TemporaryRedirect: transient,
  AuthorizationHeaderMalformed: permanent(checkRegion),
  IllegalLocationConstraintException: permanent(checkRegion),
  QuotaExceeded: permanent('raise the quota, or make room'),
  InvalidObjectState: permanent('the object is in a storage class that must be restored before it can be read'),
  BadDigest: transient, // damaged on the way
  InvalidDigest: transient,
  XAmzContentChecksumMismatch: transient,
  XAmzContentSHA256Mismatch: transient,
  IncompleteBody: transient,
  EntityTooLarge: permanent(),
  EntityTooSmall: permanent('raise "partSize"'),
  MethodNotAllowed: permanent(),
  NotImplemented: permanent('the server lacks a feature that the options ask for'),

  AccessDenied: denied(checkRights),
  AllAccessDisabled: denied(),
  AccountProblem: denied(),
  InvalidAccessKeyId: denied(checkKey),
  SignatureDoesNotMatch: denied(checkKey),
  InvalidToken: denied(checkKey),
  ExpiredToken: denied(checkKey),
  ExpiredTokenException: denied(checkKey),
  InvalidClientTokenId: denied(checkKey),
  UnrecognizedClientException: denied(checkKey),
  TokenRefreshRequired: denied(checkKey),
  // the SDK has taken the server's time from the answer, and uses it from now on
  RequestTimeTooSkewed: { code: 'Transient', advice: 'set the clock of this machine' },
  RequestExpired: { code: 'Transient', advice: 'set the clock of this machine' },

  SlowDown: transient,
  Throttling: transient,
  ThrottlingException: transient,
  TooManyRequests: transient,
  TooManyRequestsException: transient,
  RequestLimitExceeded: transient,
  BandwidthLimitExceeded: transient,
  RequestTimeout: transient,
  InternalError: transient,
  ServiceUnavailable: transient,
  ServerBusy: transient,
}

/** By the status, for answers that say no more, such as all answers to HEAD. */
export const STATUS_ERRORS: Readonly<Record<number, ErrorMeaning>> = {
  301: permanent(checkRegion),
  307: transient,
  401: denied(checkKey),
  403: denied(checkRights),
  // never NotFound: only S3's own NoSuchKey says that the key is absent
  404: permanent('the answer is not one of S3; check "endpoint" and "forcePathStyle"'),
  408: transient,
  409: transient,
  412: { code: 'AlreadyExists' },
  425: transient,
  429: transient,
}

/** By the `name` that the SDK gives to errors of its own. */
export const SDK_ERRORS: Readonly<Record<string, ErrorMeaning>> = {
  TimeoutError: transient,
  CredentialsProviderError: denied(checkKey),
  ProviderError: denied(checkKey),
  TokenProviderError: denied(checkKey),
}

const tlsAdvice = 'set "caFile" to the authority that signed the server, or correct the host name in "endpoint"'
/** Any error as the contract wants it. `failed` begins the message: `could not store "wal/x"`. Storage errors stay. */
export function s3StorageError(error: unknown, failed: string): StorageError {
  if (isStorageError(error)) return error
  const seen = inspectError(error)
  const { code, advice } = meaningOf(error, seen)
  const text = [seen.text, advice].filter((part) => part !== undefined).join('; ')
  const pauseMs = code === 'Transient' ? seen.retryAfterMs : undefined
  return new StorageError(code, `${failed}: ${text}`, { cause: error, retryAfterMs: pauseMs })
}

/** True for the answer that says that there is nothing, which to HEAD does not tell what is absent. */
export function isBare404(error: unknown): boolean {
  const { status, name } = inspectError(error)
  return status === 404 && SERVICE_ERRORS[name] === undefined
}

/** True for the range that begins at or behind the end of an object. */
export function isRangeBehindEnd(error: unknown): boolean {
  const { status, name } = inspectError(error)
  return status === 416 || name === 'InvalidRange'
}

interface SeenError {
  readonly name: string
  readonly status: number | undefined
  readonly retryAfterMs: number | undefined
  readonly text: string
}

function meaningOf(error: unknown, { name, status }: SeenError): ErrorMeaning {
  const known = lookUp(SERVICE_ERRORS, name) ?? systemErrorMeaning(error, tlsAdvice) ?? lookUp(SDK_ERRORS, name)
  if (known !== undefined) return known
  if (status === undefined) return permanent()
  return lookUp(STATUS_ERRORS, status) ?? (status >= 500 ? transient : permanent())
}

function inspectError(error: unknown): SeenError {
  if (!(error instanceof Error)) {
    return { name: '', status: undefined, retryAfterMs: undefined, text: String(error) }
  }
  const name = textField(error, 'name')
  const status = field(field(error, '$metadata'), 'httpStatusCode')
  const answered = typeof status === 'number' ? status : undefined
  const header = field(field(field(error, '$response'), 'headers'), 'retry-after')
  return { name, status: answered, retryAfterMs: retryAfterMs(header), text: describe(error, name, answered) }
}

/** S3's answer in one clause; the SDK's messages are often just "UnknownError". */
function describe(error: Error, name: string, status: number | undefined): string {
  if (error.message === 'aborted') return 'the connection ended, or fell silent, in the middle of the answer'
  const said = /^(UnknownError|Unknown|)$/.test(error.message) ? undefined : error.message
  if (status === undefined) return said ?? name
  const code = /^(Unknown|Error)$/.test(name) ? '' : ` ${name}`
  const region = field(field(field(error, '$response'), 'headers'), 'x-amz-bucket-region')
  const place = typeof region === 'string' ? ` (the bucket is in region "${region}")` : ''
  return `the server answered ${status}${code}${said === undefined || said === name ? '' : `: ${said}`}${place}`
}
