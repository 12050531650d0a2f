import { createVerify, generateKeyPairSync, randomUUID } from 'node:crypto'
import type { ApiAnswer } from './api-request.ts'
import { json } from './api-request.ts'

/** A request to one of the servers that give tokens. */
export interface TokenRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

const LIFETIME_SECONDS = 3600
const STORAGE_SCOPE = 'https://www.googleapis.com/auth/devstorage.read_write'
const CLOUD_SCOPE = 'https://www.googleapis.com/auth/cloud-platform'
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'

/**
 * Google's servers of tokens, in one: OAuth 2 (`/token`), STS (`/v1/token`), IAM credentials, and the metadata server of a
 * machine. Tokens are random; the storage asks here whose they are.
 */
export class TokenServer {
  readonly #tokens = new Map<string, { readonly account: string; readonly scope: string }>()
  readonly #keys = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  readonly #subjects = new Map<string, string>()
  readonly #refreshTokens = new Map<string, string>()
  /** The account of the machine; none: there is no metadata server. */
  machineAccount: string | undefined
  lifetimeSeconds = LIFETIME_SECONDS
  /** How many tokens were given. */
  given = 0

  issue(account: string, scope: string): string {
    const token = `ya29.${randomUUID()}`
    this.#tokens.set(token, { account, scope })
    this.given += 1
    return token
  }

  /** Whose it is, if it allows to read and write objects. */
  accountOf(token: string): string | undefined {
    const known = this.#tokens.get(token)
    return known !== undefined && [STORAGE_SCOPE, CLOUD_SCOPE].includes(known.scope) ? known.account : undefined
  }

  /** No token that was given until now is good any more. */
  withdrawAll(): void {
    this.#tokens.clear()
  }

  /** The key file of a service account. */
  keyFile(account: string, origin: string): Readonly<Record<string, string>> {
    return {
      type: 'service_account',
      project_id: 'fake',
      private_key_id: 'key-1',
      private_key: this.#keys.privateKey,
      client_email: account,
      token_uri: `${origin}/token`,
    }
  }

  /** An identity of somebody else's, that STS takes for this account. */
  subjectToken(account: string): string {
    const token = `subject-${randomUUID()}`
    this.#subjects.set(token, account)
    return token
  }

  refreshToken(account: string): string {
    const token = `1//${randomUUID()}`
    this.#refreshTokens.set(token, account)
    return token
  }

  serve(request: TokenRequest): ApiAnswer {
    const { method, url } = request
    if (method === 'POST' && /^\/(token|v1\/oauthtoken)$/.test(url.pathname)) {
      return this.#oauth(url, new URLSearchParams(request.body))
    }
    if (method === 'POST' && url.pathname === '/v1/token') return this.#exchange(new URLSearchParams(request.body))
    const [, actAs] = /^\/v1\/projects\/-\/serviceAccounts\/([^/]+):generateAccessToken$/.exec(url.pathname) ?? []
    if (method === 'POST' && actAs !== undefined) return this.#impersonate(decodeURIComponent(actAs), request)
    if (method === 'GET' && url.pathname.startsWith('/computeMetadata/v1/')) return this.#metadata(request)
    return json({ error: 'not_found' }, 404)
  }

  #oauth(url: URL, form: URLSearchParams): ApiAnswer {
    const grant = form.get('grant_type')
    if (grant === 'refresh_token') {
      const account = this.#refreshTokens.get(form.get('refresh_token') ?? '')
      return account === undefined
        ? invalidGrant('Token has been expired or revoked.')
        : this.#bearer(account, CLOUD_SCOPE)
    }
    if (grant !== JWT_BEARER)
      return json({ error: 'unsupported_grant_type', error_description: `Invalid grant: ${grant}` }, 400)
    const [header = '', claim = '', signature = ''] = (form.get('assertion') ?? '').split('.')
    const isSigned = createVerify('RSA-SHA256')
      .update(`${header}.${claim}`)
      .verify(this.#keys.publicKey, signature, 'base64url')
    if (!isSigned) return invalidGrant('Invalid JWT Signature.')
    const { iss, aud, exp, iat, scope } = JSON.parse(Buffer.from(claim, 'base64url').toString()) as Readonly<
      Record<string, string | number>
    >
    const isNow = Number(exp) > Date.now() / 1000 && Number(iat) < Date.now() / 1000 + 300
    if (!isNow || Number(exp) - Number(iat) > 3600) return invalidGrant('Invalid JWT: token must be short-lived.')
    if (aud !== `${url.origin}/token`) return invalidGrant(`Invalid JWT: audience ${String(aud)}`)
    return this.#bearer(String(iss), String(scope))
  }

  #exchange(form: URLSearchParams): ApiAnswer {
    const account = this.#subjects.get(form.get('subject_token') ?? '')
    if (form.get('grant_type') !== TOKEN_EXCHANGE || form.get('audience') === null) {
      return json({ error: 'invalid_request', error_description: 'Invalid request' }, 400)
    }
    if (account === undefined) return invalidGrant('The given credential is rejected by the attribute condition.')
    const issued = { issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' }
    return this.#bearer(account, form.get('scope') ?? '', issued)
  }

  #impersonate(account: string, { headers, body }: TokenRequest): ApiAnswer {
    const caller = this.#tokens.get(String(headers['authorization']).replace(/^Bearer /, ''))
    const { scope } = JSON.parse(body) as { readonly scope: readonly string[] }
    if (caller?.scope !== CLOUD_SCOPE) {
      return json(
        { error: { code: 403, message: 'Request had insufficient scopes.', status: 'PERMISSION_DENIED' } },
        403,
      )
    }
    const expireTime = new Date(Date.now() + this.lifetimeSeconds * 1000).toISOString()
    return json({ accessToken: this.issue(account, scope.join(' ')), expireTime })
  }

  #metadata({ headers, url }: TokenRequest): ApiAnswer {
    if (headers['metadata-flavor'] !== 'Google') return { status: 403 }
    const flavor = { 'metadata-flavor': 'Google' }
    const isToken = url.pathname === '/computeMetadata/v1/instance/service-accounts/default/token'
    if (!isToken || this.machineAccount === undefined) return { status: 404, headers: flavor }
    return {
      ...this.#bearer(this.machineAccount, url.searchParams.get('scopes') ?? ''),
      headers: { ...flavor, 'content-type': 'application/json' },
    }
  }

  #bearer(account: string, scope: string, more: Readonly<Record<string, string>> = {}): ApiAnswer {
    const access_token = this.issue(account, scope)
    return json({ access_token, expires_in: this.lifetimeSeconds, token_type: 'Bearer', ...more })
  }
}

function invalidGrant(description: string): ApiAnswer {
  return json({ error: 'invalid_grant', error_description: description }, 400)
}
