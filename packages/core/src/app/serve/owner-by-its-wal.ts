import { nodeDisk } from '../../disk/node-disk.ts'
import { systemErrorText } from '../../errors/system-error.ts'
import { WalrError } from '../../errors/walr-error.ts'
import type { WalFetching } from '../../http/wal-supply.ts'
import { segmentsAmong } from '../../restore/newest-partial.ts'
import { parseWantedFile } from '../../restore/wanted-file.ts'
import { LONG_PAGE_HEADER_BYTES, parseLongPageHeader } from '../../wal/page-header.ts'
import type { SystemIdentifier } from '../../wal/system-identifier.ts'

/**
 * Whose WAL a directory holds that was never marked, as that of `pg_receivewal`: the first segment in it says that.
 * @returns undefined when there is none.
 * @throws WalrError and whatever a fetch throws
 */
export async function ownerByItsWal(
  directory: string,
  fetcher: WalFetching,
  signal: AbortSignal,
): Promise<SystemIdentifier | undefined> {
  const entries = await nodeDisk.list(directory).catch((cause: unknown) => {
    throw new WalrError('WALR_DIRECTORY', `could not read "${directory}": ${systemErrorText(cause)}`, { cause })
  })
  const [first] = [...segmentsAmong(entries.map(({ name }) => name))].sort()
  if (first === undefined) return undefined
  let found: SystemIdentifier | undefined
  const request = { wanted: parseWantedFile(first), partial: 'auto' } as const
  await fetcher.fetch(
    request,
    async (copy) => {
      let head = Buffer.alloc(0)
      for await (const chunk of copy.open(signal)) {
        head = Buffer.concat([head, chunk])
        if (head.length >= LONG_PAGE_HEADER_BYTES) break
      }
      const header = parseLongPageHeader(head)
      found = typeof header === 'string' ? undefined : header.systemIdentifier
    },
    signal,
  )
  return found
}
