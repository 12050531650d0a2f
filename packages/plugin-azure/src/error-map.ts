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

const checkKey = 'check the key, the SAS (its end, its permissions) or the identity, and the clock of this machine'
const checkRights = 'check the permissions of the SAS, the roles of the identity and the firewall of the account'
const checkContainer = 'create the container, or correct "container", "accountName" or "endpoint"'
const checkLease = 'break the lease, or let it end'
const checkTier = 'the object is in the archive tier; bring it back to another one before it can be read'

/** By the code in `x-ms-error-code` or in the error document. What is in none of these tables is `Permanent`. */
export const SERVICE_ERRORS: Readonly<Record<string, ErrorMeaning>> = {
  BlobNotFound: { code: 'NotFound' },
  BlobAlreadyExists: { code: 'AlreadyExists' },
  ConditionNotMet: { code: 'AlreadyExists' }, // walr sends no other condition than If-None-Match

  ContainerNotFound: permanent(checkContainer),
  ContainerBeingDeleted: permanent(checkContainer),
  ContainerDisabled: permanent('enable the container'),
  ResourceNotFound: permanent(checkContainer),
  LeaseIdMissing: permanent(checkLease),
  LeaseIdMismatchWithBlobOperation: permanent(checkLease),
  LeaseAlreadyPresent: permanent(checkLease),
  LeaseLost: permanent(checkLease),
  SnapshotsPresent: permanent('remove the snapshots of the object first'),
  BlobImmutableDueToPolicy: permanent('a policy of the container forbids to replace or remove it'),
  BlobArchived: permanent(checkTier),
  BlobBeingRehydrated: permanent(checkTier),
  InvalidBlobType: permanent('something of another kind than a block blob has this name; remove it'),
  InvalidBlobOrBlock: permanent('another program left blocks under this name; they go after a week'),
  BlockCountExceedsLimit: permanent('too many blocks of failed uploads are left under this name; they go after a week'),
  BlobUsesCustomerSpecifiedEncryption: permanent('the object was stored with another "customerProvidedKey"'),
  RequestBodyTooLarge: permanent('lower "blockSize"'),
  FeatureNotSupported: permanent('the account lacks a feature that the options ask for'),
  AccountIsDisabled: permanent('enable the storage account'),

  Md5Mismatch: transient, // damaged on the way
  InvalidMd5: transient,
  InvalidBlockList: transient, // another writer of this name has ended, or a policy of the account removed the blocks
  PendingCopyOperation: transient,
  AccountBeingCreated: transient,
  ServerBusy: transient,
  OperationTimedOut: transient,
  InternalError: transient,

  AuthenticationFailed: denied(checkKey),
  InvalidAuthenticationInfo: denied(checkKey),
  NoAuthenticationInformation: denied(checkKey),
  KeyBasedAuthenticationNotPermitted: denied('the account allows no keys; use "credential"'),
  PublicAccessNotPermitted: denied(checkKey),
  InsufficientAccountPermissions: denied(checkRights),
  AuthorizationFailure: denied(checkRights),
  AuthorizationPermissionMismatch: denied(checkRights),
  AuthorizationProtocolMismatch: denied('the SAS is for https only, or the other way round'),
  AuthorizationServiceMismatch: denied('the SAS is for another service'),
  AuthorizationResourceTypeMismatch: denied(checkRights),
  AuthorizationSourceIPMismatch: denied('the SAS is for other addresses than that of this machine'),
}

/** By the status, for answers that say no more. */
export const STATUS_ERRORS: Readonly<Record<number, ErrorMeaning>> = {
  401: denied(checkKey),
  403: denied(checkRights),
  // never NotFound: only Azure's own BlobNotFound says that the key is absent
  404: permanent('the answer is not one of Azure; check "endpoint"'),
  408: transient,
  409: permanent(),
  412: { code: 'AlreadyExists' },
  425: transient,
  429: transient,
}

/** By the `name` or `code` that the SDK gives to errors without an answer. */
export const SDK_ERRORS: Readonly<Record<string, ErrorMeaning>> = {
  REQUEST_SEND_ERROR: transient,
  AbortError: transient, // not of our signal: the token that several requests wait for was asked for by another one
}

const tlsAdvice = 'set "caFile" to the authority that signed the server, or correct the host name in "endpoint"'

/** Any error as the contract wants it. `failed` begins the message: `could not store "wal/x"`. Storage errors stay. */
export function azureStorageError(error: unknown, failed: string): StorageError {
  if (isStorageError(error)) return error
  const seen = inspectError(error)
  const { code, advice } = meaningOf(error, seen)
  const text = [seen.text, advice].filter((part) => part !== undefined).join('; ')
  const pauseMs = code === 'Transient' ? seen.retryAfterMs : undefined
  return new StorageError(code, `${failed}: ${text}`, { cause: withoutRequest(error), retryAfterMs: pauseMs })
}

/** Errors of the SDK carry the whole request, with signatures and the key of the customer: nobody is to log these. */
function withoutRequest(error: unknown): unknown {
  if (!(error instanceof Error) || !('request' in error)) return error
  const { name, message, stack } = error
  const [code, statusCode] = [field(error, 'code'), field(error, 'statusCode')]
  return Object.assign(new Error(message), { name, stack }, code === undefined ? {} : { code }, { statusCode })
}

/** True for the range that begins at or behind the end of an object. */
export function isRangeBehindEnd(error: unknown): boolean {
  const { status, serviceCode } = inspectError(error)
  return status === 416 || serviceCode === 'InvalidRange'
}

/** True for the end of an upload whose blocks are not there any more. */
export function isInvalidBlockList(error: unknown): boolean {
  return inspectError(error).serviceCode === 'InvalidBlockList'
}

interface SeenError {
  /** Undefined when there was no answer. */
  readonly status: number | undefined
  /** Empty when the answer has none, as one that is not Azure's. */
  readonly serviceCode: string
  readonly retryAfterMs: number | undefined
  readonly text: string
}

function meaningOf(error: unknown, { status, serviceCode, text }: SeenError): ErrorMeaning {
  if (status === undefined) {
    const known = lookUp(SDK_ERRORS, textField(error, 'code')) ?? lookUp(SDK_ERRORS, textField(error, 'name'))
    return known ?? systemErrorMeaning(error, tlsAdvice) ?? (isCutBody(error) ? transient : permanent())
  }
  // what Azurite says instead of Md5Mismatch
  if (serviceCode === 'InvalidOperation' && /contentMD5/i.test(text)) return transient
  const known = lookUp(SERVICE_ERRORS, serviceCode) ?? lookUp(STATUS_ERRORS, status)
  return known ?? (status >= 500 ? transient : permanent())
}

/** The SDK gives the same code to a body that ended early and to one that it does not understand. */
function isCutBody(error: unknown): boolean {
  return textField(error, 'code') === 'PARSE_ERROR' && textField(error, 'message').startsWith('Error reading response')
}

function inspectError(error: unknown): SeenError {
  if (!(error instanceof Error)) {
    return { status: undefined, serviceCode: '', retryAfterMs: undefined, text: String(error) }
  }
  const status = field(error, 'statusCode')
  const message = error.message.split('\n')[0]?.trim() ?? '' // what follows are ids of the request
  if (typeof status !== 'number') {
    return { status: undefined, serviceCode: '', retryAfterMs: undefined, text: message || error.name }
  }
  const header = headerOf(error)
  const serviceCode = header('x-ms-error-code') ?? textField(error, 'code')
  const said = /^(|UnknownError|null)$/.test(message) || message.startsWith('<') ? '' : `: ${message}`
  const text = `the server answered ${status}${serviceCode === '' ? '' : ` ${serviceCode}`}${said}`
  return { status, serviceCode, retryAfterMs: retryAfterMs(header('retry-after')), text }
}

function headerOf(error: Error): (name: string) => string | undefined {
  const headers = field(field(error, 'response'), 'headers')
  return (name) => {
    const get = field(headers, 'get')
    const value: unknown = typeof get === 'function' ? get.call(headers, name) : undefined
    return typeof value === 'string' ? value : undefined
  }
}
