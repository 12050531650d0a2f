import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { HttpProblem } from './http-problem.ts'

/** Who is let in. */
export interface AccessRules {
  readonly token: string | undefined
  /** Whether clients have to have a certificate of the configured authorities. */
  readonly clientCertificates: boolean
}

/** Decides about requests: a certificate where one is demanded, and then the token where there is one. */
export class AccessControl {
  readonly #tokenDigest: Buffer | undefined
  readonly #clientCertificates: boolean

  constructor({ token, clientCertificates }: AccessRules) {
    this.#tokenDigest = token === undefined ? undefined : digest(token)
    this.#clientCertificates = clientCertificates
  }

  /** @returns undefined when the request is allowed. */
  refusal(request: IncomingMessage): HttpProblem | undefined {
    if (this.#clientCertificates && !hasCertificate(request)) {
      return {
        status: 403,
        code: 'WALR_SERVE_REFUSED',
        message: 'a client certificate of an authority in "http.clientCaFile" is needed',
        hint: 'Give it with --serve-cert and --serve-key.',
      }
    }
    if (this.#tokenDigest === undefined || this.#hasToken(request)) return undefined
    const given = request.headers.authorization !== undefined
    return {
      status: 401,
      code: 'WALR_SERVE_REFUSED',
      message: given ? 'the token is not the one of "http.token"' : 'a token is needed',
      hint: 'Give it with --serve-token-file, or as "Authorization: Bearer TOKEN".',
      headers: { 'www-authenticate': 'Bearer realm="walr"' },
    }
  }

  /** Digests have one length, and comparing them takes one time: nothing tells how much of a guess was right. */
  #hasToken({ headers }: IncomingMessage): boolean {
    const given = /^Bearer +([\x21-\x7e]+)$/i.exec(headers.authorization ?? '')?.[1]
    return given !== undefined && this.#tokenDigest !== undefined && timingSafeEqual(digest(given), this.#tokenDigest)
  }
}

/**
 * Whether the client has shown a good certificate. A resumed session has none of its own to show: there has to be one in it,
 * whatever Node makes of that.
 */
function hasCertificate({ socket }: IncomingMessage): boolean {
  if (!('authorized' in socket) || !('getPeerX509Certificate' in socket)) return false
  const { authorized, getPeerX509Certificate: peer } = socket
  if (authorized !== true || typeof peer !== 'function') return false
  return peer.call(socket) !== undefined
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'latin1').digest()
}
