import type { WalCatalogue } from '../../archive/wal-catalogue.ts'
import type { Disk } from '../../disk/disk.ts'
import { writeFileDurably } from '../../disk/write-file-durably.ts'
import { isSystemError, systemErrorText } from '../../errors/system-error.ts'
import { WalrError } from '../../errors/walr-error.ts'
import type { ChainEnd } from '../../wal/record-chain.ts'
import { chainEndText, parseChainEnd, type ChainEndText } from '../../wal/record-chain-text.ts'
import { readSmallFile } from '../../wal/read-whole-file.ts'
import type { TimelineId } from '../../wal/timeline-id.ts'

/** Consecutive segments that were found good. */
export interface VerifiedPiece {
  readonly timelineId: TimelineId
  readonly first: bigint
  readonly end: bigint
  /** Of all objects: when one has become another, the piece is looked at again. */
  readonly storedBytes: number
  /** The records before it that its own were checked against. */
  readonly before: ChainEnd | undefined
  readonly after: ChainEnd | undefined
}

export type VerifyMode = 'default' | 'deep'

interface PieceText {
  readonly timelineId: number
  readonly first: string
  readonly end: string
  readonly storedBytes: number
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

  private constructor(disk: Disk, path: string | undefined, mode: VerifyMode, nowMs: () => number) {
    this.#disk = disk
    this.#path = path
    this.#mode = mode
    this.#nowMs = nowMs
    this.#savedMs = nowMs()
  }

  /**
   * @param path undefined: nothing is kept. A file that is not there is made later.
   * @throws WalrError WALR_USAGE for a file of another archive or mode, or of something else; WALR_DIRECTORY when it cannot be read.
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
    return resume
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

  /** Saves now and then. @throws WalrError WALR_WRITE_FAILED and others. */
  async saveInTime(): Promise<void> {
    if (this.#nowMs() - this.#savedMs >= SAVE_EACH_MS) await this.save()
  }

  /** @throws WalrError WALR_WRITE_FAILED and others. */
  async save(): Promise<void> {
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

function pieceText({ timelineId, first, end, storedBytes, before, after }: VerifiedPiece): PieceText {
  return {
    ...{ timelineId, first: String(first), end: String(end), storedBytes },
    ...(before && { before: chainEndText(before) }),
    ...(after && { after: chainEndText(after) }),
  }
}

function parsePiece({ timelineId, first, end, storedBytes, before, after }: PieceText): VerifiedPiece | undefined {
  if (!/^\d{1,20}$/.test(first) || !/^\d{1,20}$/.test(end)) return undefined
  const [parsedBefore, parsedAfter] = [before, after].map((text) => text && parseChainEnd(text))
  if ((before && !parsedBefore) || (after && !parsedAfter)) return undefined
  return {
    ...{ timelineId: timelineId as TimelineId, first: BigInt(first), end: BigInt(end), storedBytes },
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
    const value = JSON.parse(text) as Partial<ResumeText> | null
    const isOurs = value?.what === 'walr wal verify' && value.format === 1 && Array.isArray(value.systems)
    return isOurs ? (value as ResumeText) : undefined
  } catch {
    return undefined
  }
}

function refused(path: string, what: string): WalrError {
  return new WalrError('WALR_USAGE', `"${path}" ${what}`, {
    hint: 'Name another file with --resume, or remove this one.',
  })
}
