import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { systemErrorText } from '../errors/system-error.ts'
import { writeFileDurably } from '../disk/write-file-durably.ts'
import { WalrError } from '../errors/walr-error.ts'
import { readSmallFile } from './read-whole-file.ts'
import { parseSystemIdentifier, type SystemIdentifier } from './system-identifier.ts'
import { isWalSegmentSize, type WalSegmentSize } from './wal-segment-size.ts'

/** Whose WAL a directory holds (law 5). */
export interface DirectoryIdentity {
  readonly systemIdentifier: SystemIdentifier
  readonly walSegmentSize: WalSegmentSize
  /** Of the server at the time when the directory was first used, for readers only. */
  readonly serverVersion: string
}

/** Where it is kept, relative to the receive directory. */
export const IDENTITY_FILE = join('.walr', 'identity.json')

/**
 * Reads `.walr/identity.json`.
 * @returns undefined when there is none.
 * @throws WalrError WALR_DIRECTORY when it cannot be read or is not what walr writes.
 */
export async function readIdentity(disk: Disk, directory: string): Promise<DirectoryIdentity | undefined> {
  const path = join(directory, IDENTITY_FILE)
  try {
    if ((await disk.size(path)) === undefined) return undefined
    return parseIdentity(JSON.parse((await readSmallFile(disk, path)).toString('utf8')))
  } catch (error) {
    throw new WalrError('WALR_DIRECTORY', `could not read "${path}": ${systemErrorText(error)}`, {
      hint: 'Restore the file from a copy, or remove it when you are sure whose WAL the directory holds.',
      cause: error,
    })
  }
}

/** Writes it once, durably, into an existing `.walr`. */
export async function writeIdentity(disk: Disk, directory: string, identity: DirectoryIdentity): Promise<void> {
  const text = `${JSON.stringify({ format: 1, ...identity }, undefined, 2)}\n`
  await writeFileDurably(disk, join(directory, IDENTITY_FILE), Buffer.from(text))
}

/**
 * Compares the directory's identity with the server's.
 * @throws WalrError WALR_WRONG_CLUSTER, WALR_WRONG_SEGMENT_SIZE
 */
export function compareIdentity(directory: string, kept: DirectoryIdentity, server: DirectoryIdentity): void {
  if (kept.systemIdentifier !== server.systemIdentifier) {
    throw wrongCluster(directory, kept.systemIdentifier, server.systemIdentifier)
  }
  if (kept.walSegmentSize !== server.walSegmentSize) {
    throw new WalrError(
      'WALR_WRONG_SEGMENT_SIZE',
      `directory "${directory}" has WAL segments of ${kept.walSegmentSize} bytes, the server's have ${server.walSegmentSize}`,
      { hint: 'Use another directory for the resized cluster, and take a new base backup.' },
    )
  }
}

/** The error for a directory of another cluster; `found` is where the other system identifier stands. */
export function wrongCluster(found: string, kept: SystemIdentifier, server: SystemIdentifier): WalrError {
  return new WalrError(
    'WALR_WRONG_CLUSTER',
    `"${found}" belongs to the cluster with system identifier ${kept}, the server's is ${server}`,
    { hint: 'Use another directory, or connect to the right server. Nothing was written.' },
  )
}

function parseIdentity(value: unknown): DirectoryIdentity {
  if (typeof value === 'object' && value !== null) {
    const { systemIdentifier, walSegmentSize, serverVersion } = value as Record<string, unknown>
    const parsed = typeof systemIdentifier === 'string' ? parseSystemIdentifier(systemIdentifier) : undefined
    if (parsed !== undefined && typeof walSegmentSize === 'number' && isWalSegmentSize(walSegmentSize)) {
      return {
        systemIdentifier: parsed,
        walSegmentSize,
        serverVersion: typeof serverVersion === 'string' ? serverVersion : '',
      }
    }
  }
  throw new WalrError('WALR_DIRECTORY', 'it is not an identity file of walr')
}
