import type { Disk } from '../disk/disk.ts'
import { isSystemError, systemErrorText } from '../errors/system-error.ts'
import { isWalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { ARCHIVE_MARK, isArchived, markArchived, readArchiveId } from '../wal/archive-mark.ts'

export interface DirectoryMarkOptions {
  readonly disk: Disk
  readonly directory: string
  readonly cluster: string
  readonly logger: Logger
}

/**
 * The receive directory's mark (law 2): made before anything leaves, and made to name the archive once that is known. A
 * full disk keeps it from the second only: archiving is what makes room.
 */
export class DirectoryMark {
  readonly #options: DirectoryMarkOptions
  /** Of the archive, as long as the mark does not say it. */
  #unwritten: string | undefined

  constructor(options: DirectoryMarkOptions) {
    this.#options = options
  }

  /** Marks the directory, while the disk has room. What is in the way is reported: {@link accept} needs the mark. */
  async begin(): Promise<void> {
    const { disk, directory, cluster, logger } = this.#options
    try {
      if (!(await isArchived(disk, directory))) await markArchived(disk, directory, { cluster, archiveId: undefined })
    } catch (error) {
      if (!isSystemError(error) && !isWalrError(error)) throw error
      logger.warning(`could not make "${ARCHIVE_MARK}": ${systemErrorText(error)}`)
    }
  }

  /**
   * This is the archive; another one than before is an alarm. When it resolves, the directory has a mark.
   * @throws WalrError, system errors: nothing may leave then.
   */
  async accept(archiveId: string): Promise<void> {
    const { disk, directory, logger } = this.#options
    const before = this.#unwritten ?? (await readArchiveId(disk, directory))
    if (before !== undefined && before !== archiveId) {
      logger.error(`the archive is not the one that this directory was archived to before (${before})`, {
        code: 'WALR_ARCHIVE_REPLACED',
        detail: `Its identity object has the id ${archiveId}. What was archived earlier is not in it.`,
        hint: 'If it was changed on purpose, take a new base backup. If not, walr may be looking at a volume that is not mounted.',
      })
    }
    if (before === archiveId) return
    await this.#write(archiveId)
    if (this.#unwritten === undefined) return
    logger.warning(`there is no room to note in "${ARCHIVE_MARK}" which archive this is; it is done when there is`)
  }

  /** Writes what a full disk did not take. Not to be called while {@link accept} is under way. */
  async complete(): Promise<void> {
    if (this.#unwritten !== undefined) await this.#write(this.#unwritten)
  }

  async #write(archiveId: string): Promise<void> {
    const { disk, directory, cluster } = this.#options
    const written = await markArchived(disk, directory, { cluster, archiveId })
    this.#unwritten = written === 'bare' ? archiveId : undefined
  }
}
