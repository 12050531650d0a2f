import type { Disk } from '../disk/disk.ts'

const CHUNK = 262_144 // 256 KiB

/**
 * The bytes of a file from beginning to end. Each chunk is a fresh buffer and the consumer's to keep. The file is closed
 * when the iteration ends, however it ends.
 */
export async function* readWholeFile(disk: Disk, path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await disk.open(path, 'read')
  try {
    for (let position = 0; ;) {
      const chunk = Buffer.allocUnsafe(CHUNK)
      const length = await file.read(chunk, position)
      if (length > 0) yield chunk.subarray(0, length)
      if (length < CHUNK) return
      position += length
    }
  } finally {
    await file.close()
  }
}

/** All of them at once, for files that are known to be small. */
export async function readSmallFile(disk: Disk, path: string): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of readWholeFile(disk, path)) chunks.push(chunk)
  return Buffer.concat(chunks)
}
