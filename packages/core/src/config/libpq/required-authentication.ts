import type { AuthenticationMethod } from './connection-settings.ts'
import type { RawSettings } from './raw-settings.ts'

const METHODS: readonly AuthenticationMethod[] = ['password', 'md5', 'gss', 'sspi', 'scram-sha-256', 'none']

/**
 * The methods that `require_auth` allows, with `!` taken as "all but"; undefined is any. `oauth` is known and allows
 * nothing, since walr does not speak it.
 * @throws WalrError WALR_CONNECTION_SETTING
 */
export function requiredAuthentication(settings: RawSettings): ReadonlySet<AuthenticationMethod> | undefined {
  const text = settings.text('require_auth')
  if (text === undefined) return undefined
  const parts = text.split(',')
  const negative = parts[0]?.startsWith('!') === true
  const named = new Set<string>()
  for (const part of parts) {
    const method = part.replace(/^!/, '')
    if (part.startsWith('!') !== negative) {
      throw settings.invalid(
        'require_auth',
        negative
          ? `require_auth method "${part}" cannot be mixed with negative methods`
          : `negative require_auth method "${part}" cannot be mixed with non-negative methods`,
      )
    }
    if (method !== 'oauth' && !METHODS.some((known) => known === method)) {
      throw settings.invalid('require_auth', `invalid require_auth value: "${part}"`)
    }
    if (named.has(method)) {
      throw settings.invalid('require_auth', `require_auth method "${part}" is specified more than once`)
    }
    named.add(method)
  }
  return new Set(METHODS.filter((method) => named.has(method) !== negative))
}
