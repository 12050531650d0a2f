import { isWalrError } from '../errors/walr-error.ts'
import type { ConfigFault } from './config-fault.ts'
import type { ConfigSources } from './config-sources.ts'
import type { ConfigSection } from './config-tree.ts'
import { sourceOfVariable, type EnvironmentSetting } from './environment-settings.ts'
import { isSecretKeyword } from './libpq/connection-keywords.ts'
import { parseConnectionString } from './libpq/connection-string.ts'
import type { WalrConfig } from './walr-config.ts'

/** Libpq's keywords of a connection, whichever way it is written. */
export function connectionKeywords(connection: WalrConfig['connection']): ReadonlyMap<string, string> {
  if (connection === undefined) return new Map()
  if (typeof connection === 'string') return parseConnectionString(connection)
  return new Map(Object.entries(connection).map(([keyword, value]) => [keyword, String(value)]))
}

/** True for `connection.password` and the like. */
export function isSecretPath(path: string): boolean {
  return path.startsWith('connection.') && isSecretKeyword(path.slice('connection.'.length))
}

/**
 * Turns a connection that is a string into keywords and adds those of the environment.
 * @param isSecret whether nothing of the string may be shown.
 */
export function withKeywords(
  tree: ConfigSection,
  keywords: readonly EnvironmentSetting[],
  sources: ConfigSources,
  isSecret: boolean,
): readonly ConfigFault[] {
  const text = tree['connection']
  if (keywords.length === 0 || typeof text !== 'string') return []
  const stringSource = sources.of('connection')
  try {
    const connection: ConfigSection = Object.fromEntries(parseConnectionString(text))
    tree['connection'] = connection
    for (const { path, value, variable } of keywords) {
      const keyword = String(path[1])
      connection[keyword] = value
      sources.replace(['connection', keyword], value, sourceOfVariable(variable))
    }
    return []
  } catch (error) {
    if (!isWalrError(error)) throw error
    return [
      {
        path: 'connection',
        message: isSecret ? 'must be a connection string or a URI' : error.message,
        source: stringSource,
      },
    ]
  }
}
