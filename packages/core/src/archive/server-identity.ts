import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { systemErrorText } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'
import type { DirectoryIdentity } from '../wal/directory-identity.ts'
import { readControlFile } from '../wal/control-file.ts'
import { LONG_PAGE_HEADER_BYTES, parseLongPageHeader } from '../wal/page-header.ts'
import type { SystemIdentifier } from '../wal/system-identifier.ts'
import { isWalFileName } from '../wal/wal-file-name.ts'
import { isWalSegmentSize, type WalSegmentSize } from '../wal/wal-segment-size.ts'

/** Where a server keeps its data and its WAL. */
export interface ServerPlace {
  readonly dataDirectory: string
  /** `pg_wal`. */
  readonly walDirectory: string
}

const calledByPostgres = 'archive-command is called by PostgreSQL, in its data directory, with "%p".'

/**
 * Whose WAL a server writes (law 5): the system identifier as `global/pg_control` has it, the segment size as a segment says
 * itself, the version from `PG_VERSION`.
 * @param fileName of pg_wal; it is asked first.
 * @throws WalrError WALR_DIRECTORY when this is no data directory; WALR_SEGMENT_CORRUPT when no segment says its size.
 */
export async function readServerIdentity(
  disk: Disk,
  { dataDirectory, walDirectory }: ServerPlace,
  fileName: string,
): Promise<DirectoryIdentity> {
  const systemIdentifier = await readControlFile(disk, dataDirectory)
  if (systemIdentifier === undefined) {
    throw new WalrError('WALR_DIRECTORY', `"${dataDirectory}" has no global/pg_control`, { hint: calledByPostgres })
  }
  const version = await readBeginning(disk, join(dataDirectory, 'PG_VERSION'), 16)
  const serverVersion = version.toString('latin1').trim()
  const others = await disk.list(walDirectory)
  const segments = others.map(({ name }) => name).filter((name) => name !== fileName && isWalFileName(name))
  for (const name of [fileName, ...segments]) {
    const walSegmentSize = await segmentSizeIn(disk, join(walDirectory, name), systemIdentifier)
    if (walSegmentSize !== undefined) return { systemIdentifier, walSegmentSize, serverVersion }
  }
  throw new WalrError('WALR_SEGMENT_CORRUPT', `no segment in "${walDirectory}" is of the cluster ${systemIdentifier}`, {
    hint: 'Is the pg_wal of another server mounted there?',
  })
}

/** Undefined for a file that does not begin as a segment of this cluster does, such as one that was only made ready. */
async function segmentSizeIn(
  disk: Disk,
  path: string,
  systemIdentifier: SystemIdentifier,
): Promise<WalSegmentSize | undefined> {
  const header = parseLongPageHeader(await readBeginning(disk, path, LONG_PAGE_HEADER_BYTES))
  if (typeof header === 'string' || header.systemIdentifier !== systemIdentifier) return undefined
  return isWalSegmentSize(header.walSegmentSize) ? header.walSegmentSize : undefined
}

async function readBeginning(disk: Disk, path: string, length: number): Promise<Buffer> {
  try {
    const file = await disk.open(path, 'read')
    try {
      const bytes = Buffer.alloc(length)
      return bytes.subarray(0, await file.read(bytes, 0))
    } finally {
      await file.close()
    }
  } catch (error) {
    throw new WalrError('WALR_DIRECTORY', `could not read "${path}": ${systemErrorText(error)}`, {
      hint: calledByPostgres,
      cause: error,
    })
  }
}
