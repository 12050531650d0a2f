import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { isSystemError, systemErrorText } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'
import { readIdentity } from '../wal/directory-identity.ts'
import { parseSystemIdentifier, type SystemIdentifier } from '../wal/system-identifier.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'

/** Whose WAL is wanted, as far as it is known without looking into WAL. */
export interface SegmentOwner {
  readonly systemIdentifier: SystemIdentifier | undefined
  readonly walSegmentSize: WalSegmentSize | undefined
  /** Whether the directory says itself whose it is. */
  readonly directoryIsMarked: boolean
}

/**
 * Asks the receive directory (`.walr/identity.json`) and the cluster that is being recovered (`global/pg_control` below
 * `workingDirectory`, which is where PostgreSQL runs its commands). Either may be missing.
 * @throws WalrError WALR_WRONG_CLUSTER when they disagree; WALR_DIRECTORY when one is there and cannot be read.
 */
export async function readSegmentOwner(disk: Disk, directory: string, workingDirectory: string): Promise<SegmentOwner> {
  const identity = await readIdentity(disk, directory)
  const recovering = await readControlFile(disk, join(workingDirectory, 'global', 'pg_control'))
  if (identity !== undefined && recovering !== undefined && identity.systemIdentifier !== recovering) {
    throw new WalrError(
      'WALR_WRONG_CLUSTER',
      `directory "${directory}" holds WAL of the cluster ${identity.systemIdentifier}, but ${recovering} is being recovered`,
      { hint: 'Name the receive directory of this cluster in restore_command.' },
    )
  }
  return {
    systemIdentifier: identity?.systemIdentifier ?? recovering,
    walSegmentSize: identity?.walSegmentSize,
    directoryIsMarked: identity !== undefined,
  }
}

/** The system identifier is the first field of `ControlFileData` in all versions (`catalog/pg_control.h`). */
async function readControlFile(disk: Disk, path: string): Promise<SystemIdentifier | undefined> {
  const bytes = Buffer.alloc(8)
  try {
    const file = await disk.open(path, 'read')
    try {
      if ((await file.read(bytes, 0)) < bytes.length) throw new Error('it is too short')
    } finally {
      await file.close()
    }
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw new WalrError('WALR_DIRECTORY', `could not read "${path}": ${systemErrorText(error)}`, { cause: error })
  }
  return parseSystemIdentifier(bytes.readBigUInt64LE().toString())
}
