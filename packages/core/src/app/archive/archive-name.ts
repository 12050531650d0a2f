import type { PluginEntry } from '../../config/walr-config.ts'

/** Options that say where a storage is, in whatever plugin. */
const PLACE = /^(use|path|bucket|container|prefix|endpoint|host|region|account.*)$/i

/** One line that tells archives apart: cluster, storage and where that is. No other option is in it, so no secret. */
export function archiveName(cluster: string, storage: PluginEntry): string {
  const place = Object.entries(storage).filter(([name]) => PLACE.test(name) && !/key|secret|token/i.test(name))
  return JSON.stringify([cluster, ...place.toSorted(([a], [b]) => a.localeCompare(b, 'en'))])
}
