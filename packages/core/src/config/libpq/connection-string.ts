import type { ConnectionKeyword } from './connection-keywords.ts'
import { isConnectionUri, parseConnectionUri } from './connection-uri.ts'
import { parseConninfoString } from './conninfo-string.ts'

/**
 * Reads what is given with `-d`: a URI or a keyword/value string. The bare name of a database is neither: pg_receivewal
 * refuses it, and so nobody takes it for a choice that has an effect.
 * @throws WalrError WALR_CONNECTION_SETTING
 */
export function parseConnectionString(text: string): ReadonlyMap<ConnectionKeyword, string> {
  return isConnectionUri(text) ? parseConnectionUri(text) : parseConninfoString(text)
}
