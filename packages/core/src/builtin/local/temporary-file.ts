import { crc32 } from 'node:zlib'
import type { DiskFile, TreeDisk } from '../../disk/disk.ts'
import { StorageError, type ByteSource, type PutConfirmation } from '../../plugins/contract/index.ts'
import { abortableChunks } from '../abortable-chunks.ts'

const READ_BACK_BYTES = 1_048_576

/**
 * Writes all bytes of `source` into a new file at `path` and makes them durable. The file stays, also when this rejects.
 * @returns size and CRC-32 of what the file then holds, read back from it.
 * @throws errors of the system; StorageError Permanent when `source` fails or gives another number of bytes than it said.
 */
export async function writeTemporaryFile(
  disk: TreeDisk,
  path: string,
  source: ByteSource,
  options: { readonly mode: number; readonly signal: AbortSignal },
): Promise<PutConfirmation> {
  const file = await disk.open(path, 'createNew', options.mode)
  try {
    const written = await writeAll(file, source, options.signal)
    if (source.size !== undefined && source.size !== written) {
      throw new StorageError('Permanent', `its source gave ${written} bytes and had announced ${source.size}`)
    }
    await file.sync()
    return await readBack(file, written, options.signal)
  } finally {
    await file.close()
  }
}

async function writeAll(file: DiskFile, source: ByteSource, signal: AbortSignal): Promise<number> {
  let position = 0
  for await (const chunk of sourceChunks(source, signal)) {
    await file.write(chunk, 0, chunk.length, position)
    position += chunk.length
  }
  return position
}

async function* sourceChunks(source: ByteSource, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* abortableChunks(source.open(), signal)
  } catch (cause) {
    if (signal.aborted) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StorageError('Permanent', `its source failed: ${reason}`, { cause })
  }
}

async function readBack(file: DiskFile, written: number, signal: AbortSignal): Promise<PutConfirmation> {
  const size = await file.size()
  if (size !== written) throw new StorageError('Transient', `the file has ${size} bytes after ${written} were written`)
  const buffer = Buffer.allocUnsafe(Math.min(size, READ_BACK_BYTES))
  let checksum = 0
  for (let position = 0; position < size;) {
    signal.throwIfAborted()
    const length = Math.min(buffer.length, size - position)
    const read = await file.read(buffer.subarray(0, length), position)
    if (read !== length) throw new StorageError('Transient', `reading back ended at byte ${position + read} of ${size}`)
    checksum = crc32(buffer.subarray(0, length), checksum)
    position += length
  }
  return { size, checksum: { algorithm: 'crc32', value: checksum.toString(16).padStart(8, '0') } }
}
