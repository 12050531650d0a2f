import type { WalFileName } from '../wal/wal-file-name.ts'
import type { WantedFile } from './wanted-file.ts'

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
   * given one says that the file is certainly not there (law 2).
   * @throws WalrError when nobody can tell.
   */
  finished(wanted: WantedFile, signal: AbortSignal): AsyncIterable<WalCopy>
  /**
   * The open segment of that name, when it is the newest of its timeline here; undefined when there certainly is none.
   * @throws WalrError when nobody can tell, or what is there has been overtaken by later segments.
   */
  unfinished(walFileName: WalFileName, signal: AbortSignal): Promise<WalCopy | undefined>
}
