import { createHash } from 'node:crypto'
import { serialize } from 'pg-protocol'
import type { AuthenticationMethod } from '../../config/libpq/connection-settings.ts'
import { WalrError } from '../../errors/walr-error.ts'
import {
  AUTHENTICATION_REQUEST,
  checkCompleted,
  checkRequest,
  type AuthenticationDemands,
} from './authentication-policy.ts'
import { ScramExchange } from './scram-exchange.ts'
import { decodeSaslMechanisms } from './server-message.ts'

/** Who logs in. */
export interface Credentials {
  readonly user: string
  /** Called when the server wants it. @throws when there is none. */
  password(): string
  /** The server's certificate in DER; undefined without TLS. */
  readonly serverCertificate: Buffer | undefined
}

/** Answers the server's authentication requests, one by one. */
export class Authentication {
  readonly #credentials: Credentials
  readonly #demands: AuthenticationDemands
  #scram: ScramExchange | undefined
  #completed: AuthenticationMethod | undefined

  constructor(credentials: Credentials, demands: AuthenticationDemands) {
    this.#credentials = credentials
    this.#demands = demands
  }

  /**
   * The message to send for a request; undefined when nothing is to be sent.
   * @throws WalrError WALR_AUTHENTICATION_FAILED when the request is not allowed, not known, or not true.
   */
  async answer(request: number, data: Buffer): Promise<Uint8Array | undefined> {
    switch (request) {
      case AUTHENTICATION_REQUEST.ok:
        this.#finish()
        return undefined
      case AUTHENTICATION_REQUEST.saslContinue:
        return this.#exchange().finalMessage(data.toString('utf8'), this.#credentials.password())
      case AUTHENTICATION_REQUEST.saslFinal:
        this.#exchange().verify(data.toString('utf8'))
        this.#completed = 'scram-sha-256'
        return undefined
      default:
        checkRequest(request, this.#demands)
        return this.#begin(request, data)
    }
  }

  #begin(request: number, data: Buffer): Uint8Array {
    if (request === AUTHENTICATION_REQUEST.sasl) {
      const { serverCertificate } = this.#credentials
      this.#scram = new ScramExchange(decodeSaslMechanisms(data), serverCertificate, this.#demands.channelBinding)
      this.#credentials.password() // a missing one is noticed before the exchange begins
      return this.#scram.firstMessage()
    }
    const password = this.#credentials.password()
    const isMd5 = request === AUTHENTICATION_REQUEST.md5Password
    this.#completed = isMd5 ? 'md5' : 'password'
    return serialize.password(isMd5 ? md5Password(this.#credentials.user, password, data) : password)
  }

  #finish(): void {
    if (this.#scram && !this.#scram.verified) {
      throw new WalrError('WALR_AUTHENTICATION_FAILED', 'server did not complete the SCRAM exchange', {
        hint: 'It has not proven that it knows the password: it may not be the server it should be.',
      })
    }
    checkCompleted(this.#completed, this.#scram?.bound ?? false, this.#demands)
  }

  #exchange(): ScramExchange {
    if (!this.#scram) throw new WalrError('WALR_PROTOCOL', 'the server went on with a SASL exchange that had not begun')
    return this.#scram
  }
}

/** `md5` and the hash over salt and stored hash (manual, "Start-up", AuthenticationMD5Password). */
export function md5Password(user: string, password: string, salt: Buffer): string {
  const md5 = (...parts: readonly (string | Buffer)[]): string => {
    const hash = createHash('md5')
    for (const part of parts) hash.update(part)
    return hash.digest('hex')
  }
  return `md5${md5(md5(password, user), salt)}`
}
