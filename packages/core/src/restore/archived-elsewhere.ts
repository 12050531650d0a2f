import type { Disk } from '../disk/disk.ts'
import { systemErrorText } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'
import { isArchived } from '../wal/archive-mark.ts'
import { parseHistoryFileName } from '../wal/wal-file-name.ts'
import { segmentsAmong } from './newest-partial.ts'
import type { WantedFile } from './wanted-file.ts'

/**
 * Refuses to call a file absent that may have left the directory for an archive (law 2). The newest segment never leaves
 * it, so only what lies behind that is certainly absent.
 * @param names of the directory's files.
 * @throws WalrError WALR_ARCHIVE_UNAVAILABLE
 */
export async function refuseArchivedElsewhere(
  { disk, directory, wanted }: { readonly disk: Disk; readonly directory: string; readonly wanted: WantedFile },
  names: ReadonlySet<string>,
): Promise<void> {
  const archived = await isArchived(disk, directory).catch((cause: unknown) => {
    throw new WalrError('WALR_DIRECTORY', `could not look into "${directory}/.walr": ${systemErrorText(cause)}`, {
      cause,
    })
  })
  if (!archived || isBehindNewest(wanted, names)) return
  throw new WalrError(
    'WALR_ARCHIVE_UNAVAILABLE',
    `"${wanted.name}" is not in "${directory}", from which segments go into an archive`,
    {
      hint: 'Name the configuration of that archive as well, with --config FILE.',
    },
  )
}

function isBehindNewest(wanted: WantedFile, names: ReadonlySet<string>): boolean {
  const segments = [...segmentsAmong(names)]
  switch (wanted.kind) {
    case 'segment':
      // The name without its timeline: PostgreSQL asks for the same segment on all timelines that it knows.
      return segments.length > 0 && segments.every((name) => name.slice(8) < wanted.name.slice(8))
    case 'history': {
      const histories = [...names].map((name) => parseHistoryFileName(name.slice(0, 16)) ?? 0)
      const timelines = [...segments.map((name) => Number.parseInt(name.slice(0, 8), 16)), ...histories]
      return wanted.timelineId === 1 || (timelines.length > 0 && timelines.every((id) => id < wanted.timelineId))
    }
    case 'partial':
    case 'backup-history':
      // Neither ever goes into an archive.
      return true
  }
}
