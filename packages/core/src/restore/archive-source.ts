import type { ArchiveLayout } from '../archive/archive-layout.ts'
import { WalrError } from '../errors/walr-error.ts'
import { toTimelineId } from '../wal/timeline-id.ts'
import { isWalFileName } from '../wal/wal-file-name.ts'
import type { WalSegmentSize } from '../wal/wal-segment-size.ts'
import { ArchivedCopy, fetchFailure } from './archived-copy.ts'
import { ArchiveSystem, type OpenArchive } from './archive-system.ts'
import type { SegmentOwner } from './segment-owner.ts'
import type { WalCopy, WalSource } from './wal-source.ts'
import type { WantedFile, WantedSegment } from './wanted-file.ts'

export interface ArchiveSourceOptions {
  /** Opens the archive; called again after it failed. Undefined when none is configured after all. */
  readonly open: () => Promise<OpenArchive | undefined>
  /** Whose WAL is wanted, as far as that is known without the archive. */
  readonly owner: () => Promise<SegmentOwner>
  /** The id of the archive that the receive directory's segments went to. */
  readonly expectedArchiveId: () => Promise<string | undefined>
}

interface Opened {
  readonly archive: OpenArchive
  readonly system: ArchiveSystem
  /** In bytes, as it is known without the archive. */
  readonly walSegmentSize: WalSegmentSize | undefined
}

/** What one listing from a segment on has shown. */
interface Listed {
  /** Of the objects under its name. */
  readonly suffixes: readonly string[]
  readonly isFollowed: boolean
}

/** An archive. It is opened when it is asked for the first time, and looks at its identity before it denies anything. */
export class ArchiveSource implements WalSource {
  readonly description = 'the archive'
  readonly #options: ArchiveSourceOptions
  readonly #listed: WeakMap<WantedFile, Listed> = new WeakMap<WantedFile, Listed>()
  #opened: Opened | undefined

  constructor(options: ArchiveSourceOptions) {
    this.#options = options
  }

  async *finished(wanted: WantedFile, signal: AbortSignal): AsyncGenerator<WalCopy, void, undefined> {
    const opened = await this.#open()
    if (opened === undefined) return
    const { codecs } = opened.archive
    const layout = await this.#layout(signal)
    const encoded = wanted.kind === 'segment' || wanted.kind === 'partial'
    const configured = encoded ? codecs.suffix : ''
    const given = yield* this.#copy(wanted, configured, layout, signal)
    if (!encoded) return
    // Only now a listing: it tells of other suffixes, of one that was stored meanwhile, and of later segments.
    for (const suffixes of (await this.#list(wanted, layout, signal)).suffixes) {
      if (suffixes !== configured || !given) yield* this.#copy(wanted, suffixes, layout, signal)
    }
  }

  /** An archive has only finished segments. */
  unfinished(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  async confirmAbsence(_wanted: WantedFile, signal: AbortSignal): Promise<boolean> {
    const opened = await this.#open()
    if (opened === undefined) return true
    const { system } = opened
    // Asked anew, after everything else: what is kept from before says nothing about the answers since.
    const identity = await this.#ask('the identity of the archive', signal, () => system.currentIdentity(signal))
    if (identity === undefined) {
      throw await this.#ask('the archive', signal, () => system.noIdentity(signal))
    }
    const expected = await this.#options.expectedArchiveId()
    if (expected === undefined || expected === identity.archiveId) return true
    throw new WalrError(
      'WALR_ARCHIVE_REPLACED',
      `the archive has the id ${identity.archiveId}, but the receive directory was archived to ${expected}`,
      {
        hint: 'Name the archive that the directory was archived to; with --archive-only the directory is not looked at.',
      },
    )
  }

  async isFollowed(wanted: WantedSegment, signal: AbortSignal): Promise<boolean> {
    if ((await this.#open()) === undefined) return false
    const listed = this.#listed.get(wanted) ?? (await this.#list(wanted, await this.#layout(signal), signal))
    return listed.isFollowed
  }

  /**
   * Whose WAL it has: as it is known, or as the archive says.
   * @throws WalrError as {@link ArchiveSystem.systemIdentifier} does
   */
  async owner(signal: AbortSignal): Promise<SegmentOwner> {
    const opened = await this.#open()
    if (opened === undefined) return { systemIdentifier: undefined, walSegmentSize: undefined }
    const { system } = opened
    return this.#ask('the identity of the archive', signal, async () => {
      const systemIdentifier = await system.systemIdentifier(signal)
      return { systemIdentifier, walSegmentSize: (await system.identity(signal))?.walSegmentSize }
    })
  }

  async #open(): Promise<Opened | undefined> {
    if (this.#opened !== undefined) return this.#opened
    const archive = await this.#options.open()
    if (archive === undefined) return undefined
    const { systemIdentifier, walSegmentSize } = await this.#options.owner()
    this.#opened ??= { archive, system: new ArchiveSystem(archive, systemIdentifier), walSegmentSize }
    return this.#opened
  }

  async #layout(signal: AbortSignal): Promise<ArchiveLayout> {
    const opened = await this.#open()
    if (opened === undefined) throw new WalrError('WALR_INTERNAL', 'there is no archive')
    return this.#ask('the systems of the archive', signal, () => opened.system.layout(signal))
  }

  /** Gives the copy under a suffix, if there is one. @returns whether there was. */
  async *#copy(
    wanted: WantedFile,
    suffixes: string,
    layout: ArchiveLayout,
    signal: AbortSignal,
  ): AsyncGenerator<WalCopy, boolean, undefined> {
    const opened = await this.#open()
    if (opened === undefined) return false
    const { storage, codecs } = opened.archive
    const key = keyOf(wanted, suffixes, layout)
    const owner = {
      systemIdentifier: await opened.system.systemIdentifier(signal),
      walSegmentSize: opened.walSegmentSize ?? opened.system.knownIdentity?.walSegmentSize,
    }
    const isFollowed = wanted.kind === 'segment' ? () => this.isFollowed(wanted, signal) : undefined
    const object = { storage, codecs, key, boundKey: layout.boundKey(key), suffixes, wanted, owner, isFollowed }
    const copy = await ArchivedCopy.begin(object, signal)
    if (copy === undefined) return false
    try {
      yield copy
    } finally {
      await copy.close()
    }
    return true
  }

  async #list(wanted: WantedFile, layout: ArchiveLayout, signal: AbortSignal): Promise<Listed> {
    const opened = await this.#open()
    if (opened === undefined) return { suffixes: [], isFollowed: false }
    const plainKey = keyOf(wanted, '', layout)
    const prefix = wanted.kind === 'segment' ? timelinePrefix(wanted, layout) : plainKey
    const startAfter = wanted.kind === 'segment' ? rightBefore(plainKey) : undefined
    const suffixes: string[] = []
    let isFollowed = false
    await this.#ask(plainKey, signal, async () => {
      const options = startAfter === undefined ? { signal } : { startAfter, signal }
      for await (const { key } of opened.archive.storage.list(prefix, options)) {
        const rest = key.startsWith(plainKey) ? key.slice(plainKey.length) : undefined
        if (rest !== undefined && suffixesPattern.test(rest)) suffixes.push(rest)
        isFollowed = wanted.kind === 'segment' && isLaterSegment(key, plainKey, prefix)
        if (isFollowed) break
      }
    })
    const listed = { suffixes, isFollowed }
    this.#listed.set(wanted, listed)
    return listed
  }

  async #ask<T>(what: string, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask()
    } catch (error) {
      throw signal.aborted ? signal.reason : fetchFailure(what, error)
    }
  }
}

const suffixesPattern = /^(?:\.[a-z0-9]{1,8})*$/

function keyOf(wanted: WantedFile, suffixes: string, layout: ArchiveLayout): string {
  switch (wanted.kind) {
    case 'segment':
      return layout.segmentKey(wanted.name, suffixes)
    case 'partial':
      return layout.partialKey(wanted.name, suffixes)
    case 'history':
      return layout.historyKey(wanted.name)
    case 'backup-history':
      return layout.backupHistoryKey(wanted.name)
  }
}

function timelinePrefix({ name }: WantedSegment, layout: ArchiveLayout): string {
  return layout.timelinePrefix(toTimelineId(Number.parseInt(name.slice(0, 8), 16)))
}

/**
 * A key that sorts behind every suffix of the segments before this one, and before its own plain name. The segment size is
 * not needed for that: it is the text of the name that counts.
 */
function rightBefore(plainKey: string): string | undefined {
  const number = BigInt(`0x${plainKey.slice(-16)}`)
  if (number === 0n) return undefined
  return `${plainKey.slice(0, -16)}${(number - 1n).toString(16).toUpperCase().padStart(16, '0')}~`
}

function isLaterSegment(key: string, plainKey: string, prefix: string): boolean {
  const name = key.slice(prefix.length, prefix.length + 24)
  return isWalFileName(name) && suffixesPattern.test(key.slice(prefix.length + 24)) && name > plainKey.slice(-24)
}
