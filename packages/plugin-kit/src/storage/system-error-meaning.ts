import { textField, field } from './error-fields.ts'
import { lookUp, permanent, transient, type ErrorMeaning } from './error-meaning.ts'

/** By the `code` of an error of the system or of Node. */
export const SYSTEM_ERRORS: Readonly<Record<string, ErrorMeaning>> = {
  ECONNREFUSED: transient,
  ECONNRESET: transient,
  ECONNABORTED: transient,
  EPIPE: transient,
  ETIMEDOUT: transient,
  ESOCKETTIMEDOUT: transient,
  ENOTFOUND: transient,
  EAI_AGAIN: transient,
  EHOSTUNREACH: transient,
  EHOSTDOWN: transient,
  ENETUNREACH: transient,
  ENETDOWN: transient,
  EADDRNOTAVAIL: transient,
  EMFILE: transient,
  ENFILE: transient,
  ERR_STREAM_PREMATURE_CLOSE: transient,
  HPE_INVALID_EOF_STATE: transient,
}

/** Errors of certificates and of the TLS handshake; OpenSSL has some hundred of them. */
const tlsCode = /CERT|^ERR_TLS_|^ERR_SSL_|^EPROTO$|^UNABLE_TO_|SIGNATURE$|^INVALID_CA$|^HOSTNAME_MISMATCH$/

/** How many causes are looked through. */
const DEEPEST = 5

/**
 * What an error of the system, of Node's network or of TLS means, be it the error itself or a cause of it; undefined for
 * anything else.
 * @param tlsAdvice what to do when the certificate of the server is not accepted.
 */
export function systemErrorMeaning(error: unknown, tlsAdvice: string): ErrorMeaning | undefined {
  let at = error
  for (let depth = 0; depth < DEEPEST && at !== undefined; depth++) {
    const code = textField(at, 'code')
    const known = lookUp(SYSTEM_ERRORS, code)
    if (known !== undefined) return known
    if (tlsCode.test(code)) return permanent(tlsAdvice)
    at = field(at, 'cause')
  }
  return undefined
}
