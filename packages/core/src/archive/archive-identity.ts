import { randomUUID } from 'node:crypto'
import { WalrError } from '../errors/walr-error.ts'
import { isStorageError, type Storage } from '../plugins/contract/index.ts'
import type { DirectoryIdentity } from '../wal/directory-identity.ts'
import type { SystemIdentifier } from '../wal/system-identifier.ts'
import { isWalSegmentSize, type WalSegmentSize } from '../wal/wal-segment-size.ts'
import type { ArchiveLayout } from './archive-layout.ts'
import { contentDigest, getSmallObject, putSmallObject } from './small-object.ts'

/**
 * Makes sure that the archive is this cluster's: writes its identity object, or compares the one that is there (law 5).
 * @returns the id that the archive got when it was begun: an archive that was begun anew has another one.
 * @throws WalrError WALR_ARCHIVE_WRONG_CLUSTER; StorageError.
 */
export async function ensureArchiveIdentity(
  storage: Storage,
  { layout, cluster, identity, now }: ArchiveOwner,
  signal: AbortSignal,
): Promise<string> {
  const { systemIdentifier, walSegmentSize, serverVersion } = identity
  const archiveId = randomUUID()
  const createdAt = now.toISOString()
  const record = { format: 1, archiveId, cluster, systemIdentifier, walSegmentSize, serverVersion, createdAt }
  const key = layout.identityKey
  const found = await putSmallObject(storage, key, Buffer.from(`${JSON.stringify(record, undefined, 2)}\n`), signal)
  if (found === undefined) return archiveId
  const there = parseIdentityObject(key, found.toString('utf8'))
  if (there.systemIdentifier !== systemIdentifier) {
    throw wrongCluster(key, `system identifier ${there.systemIdentifier}, this one is ${systemIdentifier}`)
  }
  if (there.walSegmentSize !== walSegmentSize) {
    throw wrongCluster(key, `segments of ${there.walSegmentSize} bytes, this one's have ${walSegmentSize}`)
  }
  return there.archiveId ?? contentDigest(found)
}

/**
 * Whose archive it is, as its identity object says.
 * @returns undefined when there is no such object: then it is no archive of this cluster, or nothing was archived yet.
 * @throws WalrError WALR_ARCHIVE_WRONG_CLUSTER when the object is of another cluster, or is none of walr; StorageError.
 */
export async function readArchiveIdentity(
  storage: Storage,
  layout: ArchiveLayout,
  systemIdentifier: SystemIdentifier,
  signal: AbortSignal,
): Promise<ArchiveIdentity | undefined> {
  const key = layout.identityKey
  let content: Buffer
  try {
    content = await getSmallObject(storage, key, signal)
  } catch (error) {
    if (isStorageError(error, 'NotFound')) return undefined
    throw error
  }
  const { walSegmentSize, archiveId, ...there } = parseIdentityObject(key, content.toString('utf8'))
  if (there.systemIdentifier !== systemIdentifier) {
    throw wrongCluster(key, `system identifier ${there.systemIdentifier}, wanted is ${systemIdentifier}`)
  }
  if (!isWalSegmentSize(walSegmentSize)) throw wrongCluster(key, `segments of ${walSegmentSize} bytes`)
  return { archiveId: archiveId ?? contentDigest(content), walSegmentSize }
}

/** What a reader learns of an archive. */
export interface ArchiveIdentity {
  /** The id that it got when it was begun. */
  readonly archiveId: string
  readonly walSegmentSize: WalSegmentSize
}

export interface ArchiveOwner {
  readonly layout: ArchiveLayout
  readonly cluster: string
  readonly identity: DirectoryIdentity
  readonly now: Date
}

function parseIdentityObject(
  key: string,
  text: string,
): { readonly systemIdentifier: string; readonly walSegmentSize: number; readonly archiveId: string | undefined } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw notAnIdentity(key, cause)
  }
  if (typeof value === 'object' && value !== null && 'format' in value) {
    if (value.format !== 1) {
      throw wrongCluster(key, `archive format ${String(value.format)}, and this version of walr knows format 1`)
    }
    const { systemIdentifier, walSegmentSize, archiveId } = value as Record<string, unknown>
    if (typeof systemIdentifier === 'string' && typeof walSegmentSize === 'number') {
      return { systemIdentifier, walSegmentSize, archiveId: typeof archiveId === 'string' ? archiveId : undefined }
    }
  }
  throw notAnIdentity(key)
}

function notAnIdentity(key: string, cause?: unknown): WalrError {
  return new WalrError('WALR_ARCHIVE_WRONG_CLUSTER', `"${key}" is not an identity object of walr`, {
    hint: 'Look at what is in the archive. Use another prefix or cluster name if it belongs to something else.',
    cause,
  })
}

function wrongCluster(key: string, what: string): WalrError {
  return new WalrError('WALR_ARCHIVE_WRONG_CLUSTER', `the archive's "${key}" says that it has ${what}`, {
    hint: 'Give this cluster another prefix or cluster name. Nothing was archived.',
  })
}
