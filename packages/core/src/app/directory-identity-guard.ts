import type { Disk } from '../disk/disk.ts'
import type { IdentityGuard } from '../replication/receive-session.ts'
import { compareIdentity, readIdentity, writeIdentity, type DirectoryIdentity } from '../wal/directory-identity.ts'

/** Keeps `.walr/identity.json` of a receive directory: written once, compared at every connection. */
export function directoryIdentityGuard(disk: Disk, directory: string): IdentityGuard {
  let kept: DirectoryIdentity | undefined
  return {
    async check(server) {
      kept ??= await readIdentity(disk, directory)
      if (kept) compareIdentity(directory, kept, server)
    },
    async keep({ systemIdentifier, walSegmentSize, serverVersion }) {
      if (kept) return
      const identity = { systemIdentifier, walSegmentSize, serverVersion }
      await writeIdentity(disk, directory, identity)
      kept = identity
    },
  }
}
