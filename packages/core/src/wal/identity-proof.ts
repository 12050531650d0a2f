import type { Disk } from '../disk/disk.ts'
import { isSystemError } from '../errors/system-error.ts'
import { isWalrError } from '../errors/walr-error.ts'
import { byPosition, listSegments } from './segment-directory.ts'
import { segmentFault, type ExpectedCluster } from './segment-proof.ts'

/**
 * Whether a finished segment of the directory says by its first page that it is WAL of this cluster, and none that was
 * looked at says something else. False without one: then nothing is known.
 */
export async function provesIdentity(disk: Disk, directory: string, expected: ExpectedCluster): Promise<boolean> {
  try {
    const segments = await listSegments(disk, directory, expected.walSegmentSize)
    const newestFirst = segments
      .filter(({ partial }) => !partial)
      .toSorted(byPosition)
      .toReversed()
    for (const segment of newestFirst) {
      // A damaged file proves nothing.
      if ((await segmentFault(disk, directory, segment, expected)) === undefined) return true
    }
    return false
  } catch (error) {
    if (isSystemError(error) || isWalrError(error)) return false
    throw error
  }
}
