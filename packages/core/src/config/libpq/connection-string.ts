import type { ConnectionKeyword } from './connection-keywords.ts'
import { isConnectionUri, parseConnectionUri } from './connection-uri.ts'
import { parseConninfoString } from './conninfo-string.ts'

/**
 * Reads what is given with `-d`: a URI, a keyword/value string, or, without any `=`, the bare name of a database.
 * @throws WalrError WALR_CONNECTION_SETTING
 */
export function parseConnectionString(text: string): ReadonlyMap<ConnectionKeyword, string> {
  if (isConnectionUri(text)) return parseConnectionUri(text)
  if (text.includes('=')) return parseConninfoString(text)
  return new Map(text === '' ? [] : [['dbname', text]])
}
