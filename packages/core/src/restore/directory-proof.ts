import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { WalrError } from '../errors/walr-error.ts'
import { LONG_PAGE_HEADER_BYTES, parseLongPageHeader } from '../wal/page-header.ts'
import type { SegmentSuffix } from '../wal/segment-directory.ts'
import type { DirectoryOwner } from './segment-owner.ts'
import { readSource } from './source-file.ts'

const segmentPattern = /^[0-9A-F]{24}(\.gz|\.lz4|\.zst)?(\.partial)?$/

/**
 * Makes sure that a directory which lacks a file is the one that would have it: an empty mount point or another cluster's
 * directory lacks every file (law 2). One that walr has marked was compared already; in another one some segment must be
 * there, and be this cluster's.
 * @throws WalrError WALR_DIRECTORY, WALR_WRONG_CLUSTER, or WALR_SEGMENT_CORRUPT when its segment cannot be read
 */
export async function proveOwnWal(
  disk: Disk,
  directory: string,
  names: ReadonlySet<string>,
  owner: DirectoryOwner,
): Promise<void> {
  if (owner.directoryIsMarked) return
  const segments = [...names].filter((name) => segmentPattern.test(name)).sort()
  if (segments.length === 0) {
    throw new WalrError('WALR_DIRECTORY', `"${directory}" does not look like a receive directory: it has no WAL`, {
      hint: 'Check that it is the right directory and that its file system is mounted.',
    })
  }
  if (owner.systemIdentifier === undefined) return
  const found = await systemIdentifierAmong(disk, directory, segments)
  if (found === undefined) {
    throw new WalrError('WALR_DIRECTORY', `no segment in "${directory}" says whose WAL it is`, {
      hint: 'Without WAL that proves it, nobody can tell what the directory lacks. Check that it is the right one.',
    })
  }
  if (found !== owner.systemIdentifier) {
    throw new WalrError(
      'WALR_WRONG_CLUSTER',
      `directory "${directory}" holds WAL of the cluster ${found}, but ${owner.systemIdentifier} is being recovered`,
      { hint: 'Name the receive directory of this cluster in restore_command.' },
    )
  }
}

/** Of the first one that says it; the plain ones first, which are quicker to read than compressed ones. */
async function systemIdentifierAmong(
  disk: Disk,
  directory: string,
  segments: readonly string[],
): Promise<string | undefined> {
  const inOrder = [...segments.filter(({ length }) => length === 24), ...segments.filter(({ length }) => length !== 24)]
  for (const name of inOrder) {
    const found = await systemIdentifierIn(disk, directory, name)
    if (found !== undefined) return found
  }
  return undefined
}

async function systemIdentifierIn(disk: Disk, directory: string, name: string): Promise<string | undefined> {
  const [, suffix = '', partial] = segmentPattern.exec(name) ?? []
  const file = { path: join(directory, name), name, suffix: suffix as SegmentSuffix, partial: partial !== undefined }
  let head = Buffer.alloc(0)
  for await (const chunk of readSource(disk, file)) {
    head = Buffer.concat([head, chunk.subarray(0, LONG_PAGE_HEADER_BYTES)])
    if (head.length >= LONG_PAGE_HEADER_BYTES) break
  }
  const header = parseLongPageHeader(head)
  return typeof header === 'string' ? undefined : header.systemIdentifier
}
