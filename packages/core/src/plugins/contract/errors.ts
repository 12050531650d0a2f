/**
 * Errors that plugins throw. They are known by a brand, not by `instanceof`: a plugin may come with its own copy of this
 * module. The message says what happened in words; programs look at `code` only.
 */

/** What went wrong in a storage. Everything that does not fit another code is `Permanent`, never `NotFound`. */
export type StorageErrorCode =
  /** The service said that the key is absent. Never a bucket, a directory or a server that is absent or out of reach. */
  | 'NotFound'
  /** `ifAbsent` met an object under the key. */
  | 'AlreadyExists'
  /** The service knows who asks and says no, or does not believe who asks. */
  | 'AccessDenied'
  /** It may go well later without anybody doing anything: timeout, reset, throttling, 5xx, an early end of data. */
  | 'Transient'
  /** Somebody has to do something first: quota, missing bucket, a reply that makes no sense, anything unknown. */
  | 'Permanent'
  /** The capability that this needs is declared to be missing. */
  | 'Unsupported'

/** Why a codec cannot decode. */
export type CodecErrorCode =
  /** The input is altered, cut, followed by more, or not of this codec's format. */
  | 'Corrupt'
  /** The input needs a key that the codec does not have, or the key it names is another one than it was written with. */
  | 'WrongKey'

/** What a storage error carries beside its message. */
export interface StorageErrorOptions {
  readonly cause?: unknown
  /** How long the service asks to be left alone, in milliseconds; only with `Transient`. */
  readonly retryAfterMs?: number | undefined
}

const storageBrand: unique symbol = Symbol.for('walr.StorageError/1') as never
const codecBrand: unique symbol = Symbol.for('walr.CodecError/1') as never
const optionsBrand: unique symbol = Symbol.for('walr.OptionsError/1') as never

/** The only error that a storage's methods may reject with, besides the reason of an aborted signal. */
export class StorageError extends Error {
  override readonly name: string = 'StorageError'
  readonly [storageBrand] = true
  readonly code: StorageErrorCode
  readonly retryAfterMs: number | undefined

  constructor(code: StorageErrorCode, message: string, options: StorageErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.retryAfterMs = options.retryAfterMs
  }
}

/** The only error that a codec may throw by itself; errors of its input pass through it unchanged. */
export class CodecError extends Error {
  override readonly name: string = 'CodecError'
  readonly [codecBrand] = true
  readonly code: CodecErrorCode

  constructor(code: CodecErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** One thing that is wrong with a plugin's options. */
export interface OptionFault {
  /** The option, with dots where it is nested: `bucket`, `encryption.keyId`. Empty for the options as a whole. */
  readonly path: string
  /** What is wrong with the value received and what is expected, without the value of a secret. */
  readonly message: string
}

/** Thrown by `parseOptions`, with all faults at once. */
export class OptionsError extends Error {
  override readonly name: string = 'OptionsError'
  readonly [optionsBrand] = true
  readonly faults: readonly OptionFault[]

  constructor(faults: readonly OptionFault[], options?: ErrorOptions) {
    super(faults.map(({ path, message }) => (path === '' ? message : `"${path}": ${message}`)).join('; '), options)
    this.faults = faults
  }
}

/** True for a {@link StorageError} of any copy of this module; when codes are given, for one that carries one of them. */
export function isStorageError(error: unknown, ...codes: readonly StorageErrorCode[]): error is StorageError {
  return hasBrand(error, storageBrand) && (codes.length === 0 || codes.includes((error as StorageError).code))
}

/** True for a {@link CodecError} of any copy of this module; when codes are given, for one that carries one of them. */
export function isCodecError(error: unknown, ...codes: readonly CodecErrorCode[]): error is CodecError {
  return hasBrand(error, codecBrand) && (codes.length === 0 || codes.includes((error as CodecError).code))
}

/** True for an {@link OptionsError} of any copy of this module. */
export function isOptionsError(error: unknown): error is OptionsError {
  return hasBrand(error, optionsBrand)
}

function hasBrand(error: unknown, brand: symbol): boolean {
  return error instanceof Error && (error as unknown as Record<symbol, unknown>)[brand] === true
}
