import { join } from 'node:path'
import type { Disk } from '../disk/disk.ts'
import { systemErrorText } from '../errors/system-error.ts'
import { WalrError } from '../errors/walr-error.ts'

const COMPARED_AT_ONCE = 262_144 // 256 KiB

/**
 * Gives a finished segment its final name. The file must be durable already; the new name is durable when this resolves.
 * A file that already has the name is not replaced (law 3): when it is equal byte for byte, `from` is removed instead.
 * @param durable false with `--no-sync`: the directory is not synced.
 * @throws WalrError WALR_SEGMENT_CONFLICT, with both files left as they are; WALR_WRITE_FAILED, WALR_FSYNC_FAILED.
 */
export async function publishSegment(
  disk: Disk,
  directory: string,
  names: { readonly from: string; readonly to: string },
  durable: boolean,
): Promise<void> {
  const from = join(directory, names.from)
  const to = join(directory, names.to)
  if ((await disk.size(to)) === undefined) {
    await renameFile(disk, from, to)
  } else if (await isDirectory(disk, directory, names.to)) {
    throw new WalrError('WALR_SEGMENT_CONFLICT', `"${to}" is there already, and it is a directory`, {
      hint: `Move "${names.to}" away and start walr again. What was received is in "${names.from}".`,
    })
  } else if (await sameBytes(disk, from, to)) {
    // Equal as far as can be read is not yet durable: it may be a copy, or what a kill left in the page cache.
    if (durable) await syncFile(disk, to)
    await disk.remove(from)
  } else {
    throw new WalrError(
      'WALR_SEGMENT_CONFLICT',
      `"${to}" is there already and differs from the segment just received`,
      {
        hint: `Compare "${names.from}" and "${names.to}" with pg_waldump and move the wrong one away.`,
      },
    )
  }
  if (durable) await syncDirectory(disk, directory)
}

/** @throws WalrError WALR_WRITE_FAILED */
export async function renameFile(disk: Disk, from: string, to: string): Promise<void> {
  try {
    await disk.rename(from, to)
  } catch (error) {
    throw new WalrError('WALR_WRITE_FAILED', `could not rename file "${from}" to "${to}": ${systemErrorText(error)}`, {
      cause: error,
    })
  }
}

/**
 * fsync of a whole file by its name.
 * @throws WalrError WALR_FSYNC_FAILED
 */
export async function syncFile(disk: Disk, path: string): Promise<void> {
  const file = await disk.open(path, 'existing')
  try {
    await file.sync()
  } catch (error) {
    throw fsyncFailed(path, error)
  } finally {
    await file.close()
  }
}

/** @throws WalrError WALR_FSYNC_FAILED */
export async function syncDirectory(disk: Disk, directory: string): Promise<void> {
  try {
    await disk.syncDirectory(directory)
  } catch (error) {
    throw fsyncFailed(directory, error)
  }
}

/** The error of a failed fsync: fatal, never retried (law 1). */
export function fsyncFailed(path: string, cause: unknown): WalrError {
  return new WalrError('WALR_FSYNC_FAILED', `could not fsync file "${path}": ${systemErrorText(cause)}`, {
    hint: 'Nothing of it was acknowledged. Check the disk and the kernel log before starting walr again.',
    cause,
  })
}

/** The error of a failed write; the end of a wait for room passes through. */
export function writeFailed(partialName: string, length: number, cause: unknown): unknown {
  if (cause instanceof Error && cause.name === 'AbortError') return cause
  const text = `could not write ${length} bytes to WAL file "${partialName}": ${systemErrorText(cause)}`
  return new WalrError('WALR_WRITE_FAILED', text, { cause })
}

async function isDirectory(disk: Disk, directory: string, name: string): Promise<boolean> {
  return (await disk.list(directory)).some((entry) => entry.name === name && entry.kind === 'directory')
}

async function sameBytes(disk: Disk, left: string, right: string): Promise<boolean> {
  if ((await disk.size(left)) !== (await disk.size(right))) return false
  await using files = new AsyncDisposableStack()
  const [a, b] = [await disk.open(left, 'read'), await disk.open(right, 'read')]
  files.defer(() => a.close())
  files.defer(() => b.close())
  const [fromA, fromB] = [Buffer.alloc(COMPARED_AT_ONCE), Buffer.alloc(COMPARED_AT_ONCE)]
  for (let position = 0; ; position += COMPARED_AT_ONCE) {
    const [readA, readB] = [await a.read(fromA, position), await b.read(fromB, position)]
    if (!fromA.subarray(0, readA).equals(fromB.subarray(0, readB))) return false
    if (readA < COMPARED_AT_ONCE) return true
  }
}
