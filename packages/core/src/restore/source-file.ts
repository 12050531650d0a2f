import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { isSystemError, systemErrorText } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'
import type { CompressionSuffix } from '../wal/compression/compression-suffix.ts'
import { readWholeFile } from '../wal/read-whole-file.ts'
import type { SegmentSuffix } from '../wal/segment-directory.ts'
import { VanishedFile } from './vanished-file.ts'

/** A file that may answer a request. */
export interface SourceFile {
  readonly path: string
  /** With suffixes. */
  readonly name: string
  readonly suffix: SegmentSuffix
  /** An unfinished segment: it may end anywhere. */
  readonly partial: boolean
}

const suffixes: readonly SegmentSuffix[] = ['', '.gz', '.lz4', '.zst']

/** The files of the directory that hold `name`, in any compression; the cheapest to read first. */
export async function findFinished(disk: Disk, directory: string, name: string): Promise<readonly SourceFile[]> {
  const found: SourceFile[] = []
  for (const suffix of suffixes) {
    const path = join(directory, name + suffix)
    if ((await sizeOf(disk, path)) !== undefined) found.push({ path, name: name + suffix, suffix, partial: false })
  }
  return found
}

/** The unfinished segments under that name among the entries of the directory. */
export function findPartial(directory: string, names: ReadonlySet<string>, walFileName: string): readonly SourceFile[] {
  return suffixes
    .map((suffix) => ({ suffix, name: `${walFileName}${suffix}.partial`, partial: true }))
    .filter(({ name }) => names.has(name))
    .map((file) => ({ ...file, path: join(directory, file.name) }))
}

/**
 * The decoded bytes of a file.
 * @throws WalrError WALR_SEGMENT_CORRUPT when a finished file does not decode; WALR_DIRECTORY when it cannot be read.
 * @throws VanishedFile
 */
export async function* readSource(disk: Disk, file: SourceFile): AsyncGenerator<Uint8Array, void, undefined> {
  const { path, suffix, partial } = file
  try {
    const bytes = readWholeFile(disk, path)
    yield* suffix === '' ? bytes : await decoded(suffix, bytes, partial)
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) throw new VanishedFile(path, { cause: error })
    if (isSystemError(error)) throw unreadable(path, error)
    throw error
  }
}

/** Loads the decoders only for a compressed file: PostgreSQL starts this program anew for each segment. */
async function decoded(
  suffix: CompressionSuffix,
  bytes: AsyncIterable<Uint8Array>,
  tolerateCut: boolean,
): Promise<AsyncIterable<Uint8Array>> {
  const { decodeSegment } = await import('../wal/compression/segment-decoder.ts')
  return decodeSegment(suffix, bytes, { tolerateCut })
}

async function sizeOf(disk: Disk, path: string): Promise<number | undefined> {
  try {
    return await disk.size(path)
  } catch (error) {
    throw unreadable(path, error)
  }
}

function unreadable(path: string, cause: unknown): WalrError {
  return new WalrError('WALR_DIRECTORY', `could not read "${path}": ${systemErrorText(cause)}`, { cause })
}
