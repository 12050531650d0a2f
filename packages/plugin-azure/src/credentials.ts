import type { TokenCredential } from '@azure/identity'
import { StorageError } from '@walr/core/plugin'
import { field, lookUp, SYSTEM_ERRORS, textField } from '@walr/plugin-kit/storage'
import type { Authorization } from './place.ts'

type TokenAuthorization = Extract<Authorization, { kind: 'token' }>
type AccessToken = Awaited<ReturnType<TokenCredential['getToken']>>

const DEEPEST = 5

/**
 * A credential of `@azure/identity`, which is loaded when the first token is needed. It gives up after `timeoutMs`, and
 * at once when the request that needs the token is aborted; its errors are storage errors.
 */
export function createTokenCredential(authorization: TokenAuthorization, timeoutMs: number): TokenCredential {
  let credential: Promise<TokenCredential> | undefined
  return {
    getToken: async (scopes, options) => {
      credential ??= loadCredential(authorization)
      const loaded = await credential
      // the signal of one request must not end what others wait for
      const { abortSignal, ...others } = options ?? {}
      try {
        return await within(loaded.getToken(scopes, others), timeoutMs, abortSignal)
      } catch (error) {
        if (abortSignal?.aborted === true) throw error
        throw tokenError(error, authorization)
      }
    },
  }
}

async function loadCredential({ credential, clientId }: TokenAuthorization): Promise<TokenCredential> {
  const { DefaultAzureCredential, ManagedIdentityCredential } = await import('@azure/identity')
  const retryOptions = { maxRetries: 1 } // walr repeats what is transient
  if (credential === 'managed-identity') {
    return new ManagedIdentityCredential({ retryOptions, ...(clientId === undefined ? {} : { clientId }) })
  }
  const identity = clientId === undefined ? {} : { managedIdentityClientId: clientId }
  return new DefaultAzureCredential({ retryOptions, ...identity })
}

interface AbortSignalLike {
  readonly aborted: boolean
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/** Nobody can end the asking itself; what comes of it later is kept by the credential. */
async function within(
  asked: Promise<AccessToken>,
  timeoutMs: number,
  signal: AbortSignalLike | undefined,
): Promise<AccessToken> {
  const ended = Promise.withResolvers<never>()
  const onAbort = (): void => {
    ended.reject(new Error('the request that needs a token was aborted'))
  }
  const timer = setTimeout(() => {
    ended.reject(Object.assign(new Error(`no token within ${timeoutMs} ms`), { code: 'ETIMEDOUT' }))
  }, timeoutMs)
  signal?.addEventListener('abort', onAbort)
  if (signal?.aborted === true) onAbort()
  asked.catch(() => undefined)
  try {
    return await Promise.race([asked, ended.promise])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

/** What an error of `@azure/identity` means: the way to the identity is broken, or there is none. */
export function tokenError(error: unknown, { credential }: Pick<TokenAuthorization, 'credential'>): StorageError {
  const reason = error instanceof Error ? error.message.replaceAll(/\s+/g, ' ') : String(error)
  if (isOutage(error)) return new StorageError('Transient', `no token for Azure: ${reason}`, { cause: error })
  const advice =
    credential === 'managed-identity'
      ? 'give this machine a managed identity, or correct "clientId"'
      : 'set "accountKey", "sasToken" or "connectionString", or what the default credentials of Azure look for'
  const isKnown = /^(CredentialUnavailable|Authentication|AggregateAuthentication|AuthenticationRequired)Error$/
  const code = isKnown.test(textField(error, 'name')) ? 'AccessDenied' : 'Permanent'
  return new StorageError(code, `no token for Azure: ${reason}; ${advice}`, { cause: error })
}

/** Looks through the causes, but not into a chain of credentials: there the way to each unused one is broken. */
function isOutage(error: unknown): boolean {
  let at = error
  for (let depth = 0; depth < DEEPEST && at !== undefined; depth++) {
    const status = field(at, 'statusCode')
    if (typeof status === 'number' && (status >= 500 || status === 408 || status === 429)) return true
    if (textField(at, 'errorCode') === 'network_error') return true
    if (lookUp(SYSTEM_ERRORS, textField(at, 'code'))?.code === 'Transient') return true
    at = field(at, 'cause')
  }
  return false
}
