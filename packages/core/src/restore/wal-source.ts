import type { WalFileName } from '../wal/wal-file-name.ts'
import type { WantedFile, WantedSegment } from './wanted-file.ts'

/** Bytes that may answer a request: one copy of a file, in a directory, an archive, or at another walr. */
export interface WalCopy {
  /** For messages: `file "..."`, `object "..."`. */
  readonly description: string
  /** An open segment: cut behind its last valid record, and filled up with zeros. */
  readonly isUnfinished: boolean
  /** How many bytes a reading gives; undefined when that is not known beforehand. */
  readonly size: number | undefined
  /**
   * The plain bytes, checked while they pass: only when the iteration ends without an error were they the file that was
   * asked for (law 5). Chunks are borrowed until the next one is pulled.
   * @throws WalrError for a copy that is damaged, of another cluster, or cannot be read; `VanishedFile` for one that was
   * there a moment ago.
   */
  open(signal: AbortSignal): AsyncIterable<Uint8Array>
}

/** A place that may have WAL. */
export interface WalSource {
  /** For messages: `directory "..."`, `the archive`. */
  readonly description: string
  /**
   * The finished copies of a file, the best first; looked for as they are asked for. An iteration that ends without having
   * given one says that none was found; together with {@link confirmAbsence}, where there is one, that is certain (law 2).
   * @throws WalrError when nobody can tell.
   */
  finished(wanted: WantedFile, signal: AbortSignal): AsyncIterable<WalCopy>
  /**
   * The open segment of that name, when it is the newest of its timeline here; undefined when there certainly is none, or
   * nothing was written to it yet.
   * @throws WalrError when nobody can tell, or what is there has been overtaken by later segments; `VanishedFile` for one
   * that was finished meanwhile.
   */
  unfinished(walFileName: WalFileName, signal: AbortSignal): Promise<WalCopy | undefined>
  /**
   * Proves that a place in which a file was not found is the one that would have it (law 2).
   * @returns false when the place has changed meanwhile and is to be asked again.
   * @throws WalrError when the file may be somewhere all the same.
   */
  confirmAbsence?(wanted: WantedFile, signal: AbortSignal): Promise<boolean>
  /** Whether the file is here in any form, open or finished. Of places that files leave for another source. */
  shows?(wanted: WantedFile): Promise<boolean>
  /** Whether a later segment of the timeline is here. To be asked with the very object that `finished` was asked with. */
  isFollowed?(wanted: WantedSegment, signal: AbortSignal): Promise<boolean>
}
