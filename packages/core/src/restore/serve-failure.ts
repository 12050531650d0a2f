import { systemErrorText } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'

/** The other side has said nothing for too long. */
export class ServeSilence extends Error {
  constructor(ms: number) {
    super(`no answer for ${ms / 1000} s`)
  }
}

/** The other side sends, but so little that nobody can wait for the rest. */
export class ServeTrickle extends Error {
  constructor(bytes: number, ms: number) {
    super(`only ${bytes} bytes in ${ms / 1000} s`)
  }
}

/** Codes of failed handshakes and certificates that were not accepted, as OpenSSL and Node call them. */
const tlsRefusal =
  /^(?:ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|CRL_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_(?:CA|PURPOSE)$|HOSTNAME_MISMATCH$|EPROTO$|PATH_LENGTH_EXCEEDED$|ERROR_IN_CERT_|ERROR_IN_CRL_)/

/**
 * Translates a failure of the connection: lost, refused and unanswered ones pass by themselves; TLS that does not come about,
 * and answers that are no HTTP, need somebody.
 * @param progress of a body that was begun.
 */
export function connectionFailure(address: string, cause: unknown, progress?: BodyProgress): WalrError {
  const code = codeOf(cause)
  const text = cause instanceof AggregateError ? reasonsOf(cause) : systemErrorText(cause)
  if (tlsRefusal.test(code)) {
    return new WalrError('WALR_SERVE_REFUSED', `no secure connection to ${address}: ${text}`, {
      hint: 'Check the address, --serve-ca, --serve-cert and --serve-key.',
      cause,
    })
  }
  if (code.startsWith('HPE_')) {
    return new WalrError('WALR_SERVE_REFUSED', `${address} does not answer in HTTP: ${text}`, {
      hint: 'Is it "https:" there, or something else that is no walr?',
      cause,
    })
  }
  const what =
    progress === undefined
      ? `could not reach ${address}`
      : `the answer of ${address} broke off after ${progress.received} of ${progress.length} bytes`
  return new WalrError('WALR_SERVE_UNAVAILABLE', `${what}: ${text}`, { cause })
}

/** In bytes. */
export interface BodyProgress {
  readonly received: number
  readonly length: number
}

function codeOf(error: unknown): string {
  if (error instanceof AggregateError) {
    const codes = error.errors.map(codeOf)
    return codes.find((code) => tlsRefusal.test(code)) ?? codes[0] ?? ''
  }
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** Of a name with several addresses each has its own reason. */
function reasonsOf({ errors }: AggregateError): string {
  return [...new Set(errors.map(systemErrorText))].join('; ')
}
