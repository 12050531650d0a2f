import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import type { WantedFile } from './wanted-file.ts'

/**
 * What a segment is that is missing although later ones of its timeline are there. A recovery would end before it, and the
 * server be promoted without what is behind it, so it stops. A standby only asks again, or streams the segment; and a
 * segment that PostgreSQL has in `pg_wal` itself, from its base backup, is not missed.
 * @param workingDirectory where PostgreSQL runs the command: its data directory.
 */
export async function gapRule(disk: Disk, workingDirectory: string, wanted: WantedFile): Promise<'stop' | 'end'> {
  if (wanted.kind !== 'segment') return 'stop'
  for (const name of ['standby.signal', join('pg_wal', wanted.name)]) {
    // What cannot be looked for is no reason to end a recovery.
    const size = await disk.size(join(workingDirectory, name)).catch(() => undefined)
    if (size !== undefined) return 'end'
  }
  return 'stop'
}
