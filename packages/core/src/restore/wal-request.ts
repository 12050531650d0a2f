import type { WalCopy } from './wal-source.ts'
import type { WantedFile } from './wanted-file.ts'

/** What is wanted, and whether an open segment will do. */
export interface WalRequest {
  readonly wanted: WantedFile
  readonly partial: 'auto' | 'never'
}

/** Takes the bytes of a copy to where they are wanted. Must reject when their reading does. */
export type TakeCopy = (copy: WalCopy) => Promise<void>
