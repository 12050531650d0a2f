import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Disk, DiskStat, TreeDisk } from '../disk/disk.ts'
import { isSystemError, systemErrorText } from '../errors/system-error.ts'
import { isWalrError, WalrError } from '../errors/walr-error.ts'
import { decodeSegment } from '../wal/compression/segment-decoder.ts'
import { filesAmong } from '../wal/directory-files.ts'
import { readIdentity } from '../wal/directory-identity.ts'
import { LONG_PAGE_HEADER_BYTES, parseLongPageHeader } from '../wal/page-header.ts'
import { readWholeFile } from '../wal/read-whole-file.ts'
import type { SegmentSuffix } from '../wal/segment-directory.ts'
import type { SystemIdentifier } from '../wal/system-identifier.ts'
import { isWalFileName, parseHistoryFileName, type WalFileName } from '../wal/wal-file-name.ts'
import { isWalSegmentSize, type WalSegmentSize } from '../wal/wal-segment-size.ts'
import { parseGapFileName } from './archive-layout.ts'
import { WalCatalogue } from './wal-catalogue.ts'

const namePattern = /^([0-9A-F]{24}|[0-9A-F]{8}\.history)(\.gz|\.lz4|\.zst)?(\.partial)?$/
/** What looks like WAL, and is none of the above. */
const oddPattern = /^(?:[0-9A-Fa-f]{16,}|[0-9A-Fa-f]{8}\.history)/
const leftoverPattern = /\.tmp$|\.backup$/
/** Far more than any history has. */
const MOST_HISTORY_BYTES = 16_777_216 // 16 MiB
/** What is known of a file that is gone. */
const GONE = { size: 0, modifiedAt: new Date(0) } as const

/**
 * Lists a receive directory.
 * @returns undefined when there is nothing in it that tells whose it is, and no WAL either.
 * @throws WalrError WALR_DIRECTORY when anything of it cannot be read.
 */
export async function listDirectory(disk: TreeDisk, directory: string): Promise<WalCatalogue | undefined> {
  const entries = await disk.list(directory).catch((error: unknown) => {
    throw new WalrError('WALR_DIRECTORY', `could not open directory "${directory}": ${systemErrorText(error)}`, {
      cause: error,
    })
  })
  const names = filesAmong(directory, entries).toSorted()
  const owner = await ownerOf(disk, directory, names)
  if (!owner) return undefined
  const id = createHash('sha256').update(directory).digest('hex').slice(0, 32)
  const catalogue = new WalCatalogue({ place: `directory "${directory}"`, ...owner, id })
  const all = new Set(names)
  for (const name of names) await take(catalogue, disk, directory, name, all)
  for (const name of await gapRecords(disk, directory)) {
    const gap = parseGapFileName(name)
    if (gap) catalogue.addGap(gap.startLsn, gap.endLsn)
    catalogue.addOther(gap ? 'gap' : 'odd', name, 0)
  }
  return catalogue
}

/** @param all the names that were listed. A file that is gone since then was there: it is archived, or finished. */
async function take(
  catalogue: WalCatalogue,
  disk: TreeDisk,
  directory: string,
  fileName: string,
  all: ReadonlySet<string>,
): Promise<void> {
  const [, name = '', suffix = '', partial] = namePattern.exec(fileName) ?? []
  const path = join(directory, fileName)
  if (name === '') {
    if (oddPattern.test(fileName) && !leftoverPattern.test(fileName)) catalogue.addOther('odd', fileName, 0)
    return
  }
  const stat = await disk.stat(path)
  const size = stat?.size ?? 0
  const timelineId = parseHistoryFileName(name)
  if (timelineId !== undefined) {
    if (!stat) return
    const content = await readSmallFile(disk, path, suffix as SegmentSuffix)
    if (typeof content === 'string') catalogue.addHistory(timelineId, undefined, content)
    else catalogue.addHistory(timelineId, content)
  } else if (!isWalFileName(name)) catalogue.addOther('odd', fileName, size)
  else if (partial === undefined) {
    addSegment(catalogue, name, suffix, stat)
  } else if (!stat) {
    const finishedName = name + suffix
    if (!all.has(finishedName)) addSegment(catalogue, name, suffix, await disk.stat(join(directory, finishedName)))
  } else {
    const isSegment = catalogue.addUnfinished(name, fileName, suffix, size)
    catalogue.addOther(isSegment ? 'partial' : 'odd', fileName, size)
  }
}

function addSegment(catalogue: WalCatalogue, name: WalFileName, suffix: string, stat: DiskStat | undefined): void {
  const { size, modifiedAt } = stat ?? GONE
  if (!catalogue.addSegment(name, suffix, size, modifiedAt)) catalogue.addOther('odd', name + suffix, size)
}

async function gapRecords(disk: Disk, directory: string): Promise<readonly string[]> {
  const folder = join(directory, '.walr', 'gaps')
  try {
    return filesAmong(folder, await disk.list(folder)).filter((name) => !leftoverPattern.test(name))
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return []
    throw unreadable(folder, error)
  }
}

/** @returns why it cannot be decoded, as a clause. */
async function readSmallFile(disk: Disk, path: string, suffix: SegmentSuffix): Promise<Buffer | string> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    const stored = readWholeFile(disk, path)
    for await (const chunk of suffix === '' ? stored : decodeSegment(suffix, stored, { tolerateCut: false })) {
      chunks.push(chunk)
      length += chunk.length
      if (length > MOST_HISTORY_BYTES) return 'it is too large'
    }
  } catch (error) {
    if (isWalrError(error, 'WALR_SEGMENT_CORRUPT')) return error.message
    throw unreadable(path, error)
  }
  return Buffer.concat(chunks)
}

interface Owner {
  readonly systemIdentifier: SystemIdentifier
  readonly walSegmentSize: WalSegmentSize
}

async function ownerOf(disk: Disk, directory: string, names: readonly string[]): Promise<Owner | undefined> {
  const identity = await readIdentity(disk, directory)
  if (identity) return identity
  const segments = names.filter((name) => /^[0-9A-F]{24}/.test(name) && namePattern.test(name))
  for (const name of segments) {
    const owner = await ownerOfFile(disk, join(directory, name), namePattern.exec(name)?.[2] ?? '')
    if (owner) return owner
  }
  if (segments.length === 0) return undefined
  throw new WalrError('WALR_DIRECTORY', `no segment in "${directory}" says whose it is`, {
    hint: 'All of them are empty or damaged, or the directory has never been a receive directory.',
  })
}

async function ownerOfFile(disk: Disk, path: string, suffix: string): Promise<Owner | undefined> {
  let head: Buffer = Buffer.alloc(0)
  try {
    const stored = readWholeFile(disk, path)
    const chunks = suffix === '' ? stored : decodeSegment(suffix as '.gz', stored, { tolerateCut: true })
    for await (const chunk of chunks) {
      head = Buffer.concat([head, chunk.subarray(0, LONG_PAGE_HEADER_BYTES)])
      if (head.length >= LONG_PAGE_HEADER_BYTES) break
    }
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isWalrError(error, 'WALR_SEGMENT_CORRUPT')) return undefined
    throw unreadable(path, error)
  }
  const header = parseLongPageHeader(head)
  if (typeof header === 'string' || !isWalSegmentSize(header.walSegmentSize)) return undefined
  return { systemIdentifier: header.systemIdentifier, walSegmentSize: header.walSegmentSize }
}

function unreadable(path: string, cause: unknown): WalrError {
  return new WalrError('WALR_DIRECTORY', `could not read "${path}": ${systemErrorText(cause)}`, { cause })
}
