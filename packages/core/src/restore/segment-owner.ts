import type { Disk } from '../disk/disk.ts'
import { WalrError } from '../errors/walr-error.ts'
import { readIdentity } from '../wal/directory-identity.ts'
import type { SystemIdentifier } from '../wal/system-identifier.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'

/** Whose WAL is wanted, as far as it is known without looking into WAL. */
export interface SegmentOwner {
  readonly systemIdentifier: SystemIdentifier | undefined
  readonly walSegmentSize: WalSegmentSize | undefined
}

/** As a receive directory tells. */
export interface DirectoryOwner extends SegmentOwner {
  /** Whether the directory says itself whose it is. */
  readonly directoryIsMarked: boolean
}

/**
 * Asks the receive directory (`.walr/identity.json`) whose WAL it has.
 * @param recovering the cluster that is being recovered, when it is known.
 * @throws WalrError WALR_WRONG_CLUSTER when it is another one; WALR_DIRECTORY when the directory's answer cannot be read.
 */
export async function readDirectoryOwner(
  disk: Disk,
  directory: string,
  recovering: SystemIdentifier | undefined,
): Promise<DirectoryOwner> {
  const identity = await readIdentity(disk, directory)
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
