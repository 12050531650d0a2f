import type { WalRequest } from '../restore/wal-request.ts'
import type { WalCopy } from '../restore/wal-source.ts'
import type { SystemIdentifier } from '../wal/system-identifier.ts'

/** What WAL is fetched with: a `WalFetcher`, seen from here. */
export interface WalFetching {
  fetch(
    request: WalRequest,
    take: (copy: WalCopy) => Promise<void>,
    signal: AbortSignal,
  ): Promise<'delivered' | 'absent'>
}

/** WAL that can be served. */
export interface ServedWal {
  readonly fetcher: WalFetching
  /** Whose it is, as far as that is known without asking anybody. */
  readonly systemIdentifier: SystemIdentifier | undefined
  /** That the archive is none of the sources, also where WAL has left the directory for one. */
  readonly lacksArchive?: boolean
  /** Whose it is; undefined when nobody can tell. Rejects like a fetch. */
  identify(signal: AbortSignal): Promise<SystemIdentifier | undefined>
}

/** Where served WAL comes from. */
export interface WalSupply {
  /** @throws WalrError as long as there is nothing to ask. */
  open(): Promise<ServedWal>
}
