import type { WalCatalogue } from '../../archive/wal-catalogue.ts'
import type { Disk } from '../../disk/disk.ts'
import { writeFileDurably } from '../../disk/write-file-durably.ts'
import { isSystemError, systemErrorText } from '../../errors/system-error.ts'
import { isWalrError, WalrError } from '../../errors/walr-error.ts'
import type { ChainEnd } from '../../wal/record-chain.ts'
import { chainEndText, parseChainEnd, type ChainEndText } from '../../wal/record-chain-text.ts'
import { readSmallFile } from '../../wal/read-whole-file.ts'
import type { TimelineId } from '../../wal/timeline-id.ts'

/** Consecutive segments that were found good. */
export interface VerifiedPiece {
  readonly timelineId: TimelineId
  readonly first: bigint
  readonly end: bigint
  /**
   * Of the names, sizes and times of all objects as they are listed: when one is replaced, the piece is looked at again. What
   * is altered in place, below the storage, shows in none of them.
   */
  readonly digest: string
  /** The records before it that its own were checked against. */
  readonly before: ChainEnd | undefined
  readonly after: ChainEnd | undefined
}

export type VerifyMode = 'default' | 'deep'

interface PieceText {
  readonly timelineId: number
  readonly first: string
  readonly end: string
  readonly digest: string
  readonly before?: ChainEndText
  readonly after?: ChainEndText
}

interface SystemText {
  readonly place: string
  readonly systemIdentifier: string
  readonly id: string
  readonly walSegmentSize: number
  readonly pieces: readonly PieceText[]
}

/** What a `--resume` file holds. */
interface ResumeText {
  readonly format: 1
  readonly what: 'walr wal verify'
  readonly mode: VerifyMode
  readonly systems: readonly SystemText[]
}

const SAVE_EACH_MS = 5000

/** What was verified before, and now; kept in a file when one is named. */
export class VerifyResume {
  readonly #disk: Disk
  readonly #path: string | undefined
  readonly #mode: VerifyMode
  readonly #nowMs: () => number
  readonly #owners = new Map<string, Omit<SystemText, 'pieces'>>()
  readonly #earlier = new Map<string, VerifiedPiece>()
  readonly #pieces = new Map<string, Map<string, VerifiedPiece>>()
  #savedMs: number
  #isChanged = false
  #isTold = false

  private constructor(disk: Disk, path: string | undefined, mode: VerifyMode, nowMs: () => number) {
    this.#disk = disk
    this.#path = path
    this.#mode = mode
    this.#nowMs = nowMs
    this.#savedMs = nowMs()
  }

  /**
   * @param path undefined: nothing is kept. A file that is not there is made later.
   * It is written at once, so that one that cannot be is known before the work.
   * @throws WalrError WALR_USAGE for a file of another archive or mode, or of something else; WALR_DIRECTORY when it cannot be
   * read; WALR_WRITE_FAILED and others when it cannot be written.
   */
  static async open(
    disk: Disk,
    path: string | undefined,
    mode: VerifyMode,
    catalogues: readonly WalCatalogue[],
    nowMs: () => number = () => performance.now(),
  ): Promise<VerifyResume> {
    const resume = new VerifyResume(disk, path, mode, nowMs)
    const text = path === undefined ? undefined : await readText(disk, path)
    if (path !== undefined && text !== undefined) resume.#take(path, text, catalogues)
    for (const { owner } of catalogues) {
      const { place, systemIdentifier, id, walSegmentSize } = owner
      resume.#owners.set(ownerKey(owner), { place, systemIdentifier, id, walSegmentSize })
    }
    resume.#isChanged = catalogues.length > 0
    await resume.#save()
    return resume
  }

  get path(): string | undefined {
    return this.#path
  }

  /** All that was noted is in the file. */
  get isKept(): boolean {
    return !this.#isChanged
  }

  /** The piece that begins there, as it was found good before. */
  earlier(catalogue: WalCatalogue, timelineId: TimelineId, first: bigint): VerifiedPiece | undefined {
    return this.#earlier.get(`${ownerKey(catalogue.owner)} ${timelineId} ${first}`)
  }

  /** Notes a piece that is good; it replaces one that begins there. */
  add(catalogue: WalCatalogue, piece: VerifiedPiece): void {
    this.#note(ownerKey(catalogue.owner), piece)
    this.#isChanged = true
  }

  /** The piece that begins there has to be looked at again. */
  forget(catalogue: WalCatalogue, timelineId: TimelineId, first: bigint): void {
    const pieces = this.#pieces.get(ownerKey(catalogue.owner))
    if (pieces?.delete(`${timelineId} ${first}`) === true) this.#isChanged = true
  }

  /** Saves now and then. What fails now may be done by {@link keep}. */
  async saveInTime(): Promise<void> {
    if (this.#nowMs() - this.#savedMs < SAVE_EACH_MS) return
    this.#savedMs = this.#nowMs()
    await this.#trySave()
  }

  /** Saves at the end. @returns why that fails, the first time. */
  async keep(): Promise<WalrError | undefined> {
    const error = await this.#trySave()
    if (!error || this.#isTold) return undefined
    this.#isTold = true
    return error
  }

  async #trySave(): Promise<WalrError | undefined> {
    try {
      await this.#save()
    } catch (error) {
      if (isWalrError(error)) return error
      throw error
    }
    return undefined
  }

  /** @throws WalrError WALR_WRITE_FAILED and others. */
  async #save(): Promise<void> {
    if (this.#path === undefined || !this.#isChanged) return
    const systems = [...this.#owners].map(([key, owner]) => {
      return { ...owner, pieces: [...(this.#pieces.get(key)?.values() ?? [])].map(pieceText) }
    })
    const text: ResumeText = { format: 1, what: 'walr wal verify', mode: this.#mode, systems }
    await writeFileDurably(this.#disk, this.#path, Buffer.from(`${JSON.stringify(text)}\n`))
    this.#isChanged = false
    this.#savedMs = this.#nowMs()
  }

  #take(path: string, text: string, catalogues: readonly WalCatalogue[]): void {
    const file = parseText(text)
    if (!file) throw refused(path, 'is no file that "walr wal verify --resume" has written')
    if (file.mode !== this.#mode) {
      const other = file.mode === 'deep' ? 'with --deep' : 'without --deep'
      throw refused(path, `is of a verification ${other}`)
    }
    const isOther = file.systems.some((system) =>
      catalogues.some(({ owner }) => ownerKey(owner) === ownerKey(system) && owner.id !== system.id),
    )
    const isKnown = file.systems.some((system) => catalogues.some(({ owner }) => ownerKey(owner) === ownerKey(system)))
    if (isOther || !isKnown) throw refused(path, 'is of another archive')
    for (const system of file.systems) {
      const key = ownerKey(system)
      const { place, systemIdentifier, id, walSegmentSize } = system
      this.#owners.set(key, { place, systemIdentifier, id, walSegmentSize })
      for (const text of system.pieces) {
        const piece = parsePiece(text)
        if (!piece) continue
        this.#earlier.set(`${key} ${piece.timelineId} ${piece.first}`, piece)
        this.#note(key, piece)
      }
    }
  }

  #note(key: string, piece: VerifiedPiece): void {
    let pieces = this.#pieces.get(key)
    if (!pieces) this.#pieces.set(key, (pieces = new Map<string, VerifiedPiece>()))
    pieces.set(`${piece.timelineId} ${piece.first}`, piece)
  }
}

function ownerKey({ place, systemIdentifier }: { readonly place: string; readonly systemIdentifier: string }): string {
  return `${systemIdentifier} ${place}`
}

function pieceText({ timelineId, first, end, digest, before, after }: VerifiedPiece): PieceText {
  return {
    ...{ timelineId, first: String(first), end: String(end), digest },
    ...(before && { before: chainEndText(before) }),
    ...(after && { after: chainEndText(after) }),
  }
}

/** @returns undefined for what is altered, or of an earlier version: it is looked at again. */
function parsePiece({ timelineId, first, end, digest, before, after }: PieceText): VerifiedPiece | undefined {
  if (typeof digest !== 'string' || !/^\d{1,20}$/.test(first) || !/^\d{1,20}$/.test(end)) return undefined
  // A piece without segments would be gone over for ever.
  if (BigInt(first) >= BigInt(end)) return undefined
  const [parsedBefore, parsedAfter] = [before, after].map((text) => text && parseChainEnd(text))
  if ((before && !parsedBefore) || (after && !parsedAfter)) return undefined
  return {
    ...{ timelineId: timelineId as TimelineId, first: BigInt(first), end: BigInt(end), digest },
    ...{ before: parsedBefore, after: parsedAfter },
  }
}

async function readText(disk: Disk, path: string): Promise<string | undefined> {
  try {
    return (await readSmallFile(disk, path)).toString('utf8')
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined
    throw new WalrError('WALR_DIRECTORY', `could not read "${path}": ${systemErrorText(error)}`, { cause: error })
  }
}

function parseText(text: string): ResumeText | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isResumeText(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isResumeText(value: unknown): value is ResumeText {
  if (!isObject(value) || value['what'] !== 'walr wal verify' || value['format'] !== 1) return false
  const { mode, systems } = value
  return (mode === 'default' || mode === 'deep') && Array.isArray(systems) && systems.every(isSystemText)
}

function isSystemText(value: unknown): value is SystemText {
  if (!isObject(value)) return false
  const { place, systemIdentifier, id, walSegmentSize, pieces } = value
  const texts = [place, systemIdentifier, id]
  if (!texts.every((text) => typeof text === 'string') || typeof walSegmentSize !== 'number') return false
  return Array.isArray(pieces) && pieces.every(isPieceText)
}

function isPieceText(value: unknown): value is PieceText {
  if (!isObject(value)) return false
  const { timelineId, first, end } = value
  return typeof first === 'string' && typeof end === 'string' && typeof timelineId === 'number'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function refused(path: string, what: string): WalrError {
  return new WalrError('WALR_USAGE', `"${path}" ${what}`, {
    hint: 'Name another file with --resume, or remove this one.',
  })
}
