import { serialize } from 'pg-protocol'
import sasl from 'pg/lib/crypto/sasl.js'
import type { ConnectionSettings } from '../../config/libpq/connection-settings.ts'
import { WalrError } from '../../errors/walr-error.ts'

const PLUS = 'SCRAM-SHA-256-PLUS'
const PLAIN = 'SCRAM-SHA-256'
const KNOWN: readonly string[] = [PLUS, PLAIN]

/**
 * The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), with tls-server-end-point channel binding when it is wanted and
 * possible.
 */
export class ScramExchange {
  readonly #session: ReturnType<typeof sasl.startSession>
  readonly #certificate: { getPeerCertificate(): { readonly raw: Buffer } } | null
  #verified = false

  /**
   * @param certificate the server's certificate in DER; undefined without TLS.
   * @throws WalrError WALR_AUTHENTICATION_FAILED when no mechanism fits.
   */
  constructor(
    mechanisms: readonly string[],
    certificate: Buffer | undefined,
    channelBinding: ConnectionSettings['channelBinding'],
  ) {
    checkMechanisms(mechanisms, certificate !== undefined, channelBinding)
    this.#certificate =
      certificate && channelBinding !== 'disable' ? { getPeerCertificate: () => ({ raw: certificate }) } : null
    // libpq puts no bound on the number of iterations: it is the server's own setting.
    this.#session = sasl.startSession(mechanisms, this.#certificate, 0)
  }

  /** Whether the exchange is tied to the TLS connection. */
  get bound(): boolean {
    return this.#session.mechanism === PLUS
  }

  /** Whether the server has proven that it knows the password, too. */
  get verified(): boolean {
    return this.#verified
  }

  /** SASLInitialResponse, complete. */
  firstMessage(): Uint8Array {
    return serialize.sendSASLInitialResponseMessage(this.#session.mechanism, this.#session.response)
  }

  /** SASLResponse to the server's first message, complete. @throws WalrError WALR_AUTHENTICATION_FAILED. */
  async finalMessage(serverFirst: string, password: string): Promise<Uint8Array> {
    try {
      await sasl.continueSession(this.#session, password, serverFirst, this.#certificate)
    } catch (cause) {
      throw failed('the server sent no proper SCRAM challenge', cause)
    }
    return serialize.sendSCRAMClientFinalMessage(this.#session.response)
  }

  /** Checks the server's signature. @throws WalrError WALR_AUTHENTICATION_FAILED when it is not right. */
  verify(serverFinal: string): void {
    try {
      sasl.finalizeSession(this.#session, serverFinal)
    } catch (cause) {
      throw failed('incorrect server signature', cause)
    }
    this.#verified = true
  }
}

function checkMechanisms(offered: readonly string[], secure: boolean, channelBinding: string): void {
  if (!offered.some((mechanism) => KNOWN.includes(mechanism))) {
    throw failed(`none of the server's SASL authentication mechanisms are supported: ${offered.join(', ')}`)
  }
  if (channelBinding === 'require') {
    if (!secure) throw failed('channel binding required, but SSL not in use')
    if (!offered.includes(PLUS)) {
      throw failed(
        'channel binding is required, but server did not offer an authentication method that supports channel binding',
      )
    }
  }
  if (!secure && offered.includes(PLUS)) {
    throw failed('server offered SCRAM-SHA-256-PLUS authentication over a non-SSL connection')
  }
  if (!offered.includes(PLAIN) && (!secure || channelBinding === 'disable')) {
    throw failed("none of the server's SASL authentication mechanisms are supported without channel binding")
  }
}

function failed(message: string, cause?: unknown): WalrError {
  return new WalrError('WALR_AUTHENTICATION_FAILED', message, cause === undefined ? {} : { cause })
}
