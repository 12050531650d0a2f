import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { systemErrorText } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'
import type { Logger } from '../telemetry/logger.ts'
import { readArchiveId } from '../wal/archive-mark.ts'
import { filesAmong } from '../wal/directory-files.ts'
import type { SystemIdentifier } from '../wal/system-identifier.ts'
import type { WalFileName } from '../wal/wal-file-name.ts'
import { refuseArchivedElsewhere } from './archived-elsewhere.ts'
import { checkedFile } from './checked-file.ts'
import { proveOwnWal } from './directory-proof.ts'
import { findNewestPartial, isFollowed, segmentsAmong } from './newest-partial.ts'
import { readDirectoryOwner, type DirectoryOwner } from './segment-owner.ts'
import { findFinished, findPartial, readSource, type SourceFile } from './source-file.ts'
import type { WalCopy, WalSource } from './wal-source.ts'
import type { WantedFile, WantedSegment } from './wanted-file.ts'

export interface DirectorySourceOptions {
  readonly disk: Disk
  readonly logger: Logger
  /** The receive directory; absolute. */
  readonly directory: string
  /** Of the cluster that is being recovered, when it is known. */
  readonly systemIdentifier: SystemIdentifier | undefined
  /** Whether the archive that segments leave the directory for is a source, too. */
  readonly archiveIsAsked: () => Promise<boolean>
  /** What to do when the directory is not there. */
  readonly missingHint: string
}

/**
 * A receive directory. Everything is looked at anew for each request: walr may be writing to it, and its file system may
 * come and go.
 */
export class DirectorySource implements WalSource {
  readonly description: string
  readonly #options: DirectorySourceOptions

  constructor(options: DirectorySourceOptions) {
    this.description = `directory "${options.directory}"`
    this.#options = options
  }

  async *finished(wanted: WantedFile): AsyncGenerator<WalCopy, void, undefined> {
    const { disk, directory } = this.#options
    const owner = await this.owner()
    for (const file of await findFinished(disk, directory, wanted.name)) yield this.#copy(file, wanted, owner)
  }

  async unfinished(walFileName: WalFileName): Promise<WalCopy | undefined> {
    const { disk, directory, logger } = this.#options
    const names = await this.#names(walFileName)
    const file = await findNewestPartial(disk, directory, names, walFileName)
    if (file === undefined) return undefined
    const { openSegmentCopy } = await import('./open-segment.ts')
    return openSegmentCopy({ disk, file, walFileName, owner: await this.owner(), logger })
  }

  async confirmAbsence(wanted: WantedFile): Promise<boolean> {
    const { disk, directory, archiveIsAsked } = this.#options
    const names = await this.#names(wanted.name)
    await proveOwnWal(disk, directory, names, await this.owner())
    // A segment that was finished while the directory was listed may be in the list under neither name.
    if ((await findFinished(disk, directory, wanted.name)).length > 0) return false
    if (!(await archiveIsAsked())) await refuseArchivedElsewhere({ disk, directory, wanted }, names)
    return true
  }

  async shows(wanted: WantedFile): Promise<boolean> {
    const { disk, directory } = this.#options
    const names = await this.#names(wanted.name)
    if (findPartial(directory, names, wanted.name).length > 0) return true
    // In this order: a rename hides from the list, and not from who looks for the new name afterwards.
    return (await findFinished(disk, directory, wanted.name)).length > 0
  }

  async isFollowed({ name }: WantedSegment): Promise<boolean> {
    return isFollowed(name, segmentsAmong(await this.#names(name)))
  }

  /**
   * Whose WAL the directory has, as it says itself, or as it has to be.
   * @throws WalrError WALR_WRONG_CLUSTER, WALR_DIRECTORY
   */
  owner(): Promise<DirectoryOwner> {
    const { disk, directory, systemIdentifier } = this.#options
    return readDirectoryOwner(disk, directory, systemIdentifier)
  }

  /** The id of the archive that segments leave the directory for; undefined when it does not say one. */
  async archiveId(): Promise<string | undefined> {
    const { disk, directory } = this.#options
    return readArchiveId(disk, directory)
  }

  #copy(file: SourceFile, wanted: WantedFile, owner: DirectoryOwner): WalCopy {
    const { disk } = this.#options
    const description = `file "${file.path}"`
    const isFollowed = wanted.kind === 'segment' ? () => this.isFollowed(wanted) : undefined
    return {
      description,
      isUnfinished: false,
      size: wanted.kind === 'segment' ? owner.walSegmentSize : undefined,
      open: () => checkedFile({ wanted, description, owner, isFollowed }, readSource(disk, file)),
    }
  }

  /** The names of the files. @param name nothing but a file may have it. */
  async #names(name: string): Promise<ReadonlySet<string>> {
    const { disk, directory, missingHint } = this.#options
    const entries = await disk.list(directory).catch((cause: unknown) => {
      const text = `could not read directory "${directory}": ${systemErrorText(cause)}`
      throw new WalrError('WALR_DIRECTORY', text, { hint: missingHint, cause })
    })
    const files = filesAmong(directory, entries)
    const other = entries.find((entry) => entry.kind !== 'file' && entry.name.startsWith(name))
    if (other) {
      const text = `"${join(directory, other.name)}" is not a file, or a link that leads nowhere`
      throw new WalrError('WALR_DIRECTORY', text)
    }
    return new Set(files)
  }
}
