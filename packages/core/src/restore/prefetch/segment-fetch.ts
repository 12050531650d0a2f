import { isWalSegmentSize } from '../../wal/wal-segment-size.ts'
import type { WalFetcher } from '../wal-fetcher.ts'
import type { WalRequest } from '../wal-request.ts'
import type { WalCopy } from '../wal-source.ts'
import { FolderFault, wrongSize, type GenerationFolder, type WrittenFile } from './generation-folder.ts'

/** What finds the best copy of a file. */
export type FetchesWal = Pick<WalFetcher, 'fetch'>

/** Fetches files into the generation, and checks them. */
export class SegmentFetch {
  readonly #fetcher: () => Promise<FetchesWal>
  readonly #folder: GenerationFolder

  constructor(fetcher: () => Promise<FetchesWal>, folder: GenerationFolder) {
    this.#fetcher = fetcher
    this.#folder = folder
  }

  /**
   * `expectedSize`: the segment size, when it is known.
   * @returns undefined when the file is certainly absent.
   * @throws WalrError when nobody can tell, or no copy is good; {@link FolderFault}.
   */
  async fetch(
    request: WalRequest,
    expectedSize: number | undefined,
    signal: AbortSignal,
  ): Promise<WrittenFile | undefined> {
    const isSegment = request.wanted.kind === 'segment' || request.wanted.kind === 'partial'
    let written: WrittenFile | undefined
    let fault: FolderFault | undefined
    const take = async (copy: WalCopy): Promise<void> => {
      try {
        const file = await this.#folder.write(copy, isSegment ? expectedSize : undefined, signal)
        if (isSegment && !isWalSegmentSize(file.size)) {
          await this.#folder.discard(file)
          throw wrongSize(copy, file.size, 'a whole segment')
        }
        written = file
      } catch (error) {
        if (error instanceof FolderFault) fault = error
        throw error
      }
    }
    const fetcher = await this.#fetcher()
    try {
      return (await fetcher.fetch(request, take, signal)) === 'absent' ? undefined : written
    } catch (error) {
      // Whatever the fetcher makes of it: it is no fault of any copy.
      throw fault ?? error
    }
  }
}
