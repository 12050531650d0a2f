import type { WalCopy } from './wal-source.ts'
import type { WantedFile } from './wanted-file.ts'

/** What is wanted, and whether an open segment will do. */
export interface WalRequest {
  readonly wanted: WantedFile
  readonly partial: 'auto' | 'never'
  /**
   * What a segment is that no source has although later ones of its timeline are there: missing, with an error, as it may be
   * on its way (`stop`, when undefined); or absent, which ends a recovery before it (`end`).
   */
  readonly atGap?: 'stop' | 'end'
}

/** Takes the bytes of a copy to where they are wanted. Must reject when their reading does. */
export type TakeCopy = (copy: WalCopy) => Promise<void>
