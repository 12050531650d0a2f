import { createHash } from 'node:crypto'
import { WalrError } from '../errors/walr-error.ts'
import { isStorageError, type ByteSource, type Storage } from '../plugins/contract/index.ts'

/**
 * Stores a small object if there is none.
 * @returns what is there instead, when there is one.
 * @throws WalrError WALR_ARCHIVE_UNCONFIRMED; StorageError.
 */
export async function putSmallObject(
  storage: Storage,
  key: string,
  content: Uint8Array,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  try {
    const { size } = await storage.put(key, bytesSource(content), { ifAbsent: true, signal })
    if (size === content.length) return undefined
    throw new WalrError(
      'WALR_ARCHIVE_UNCONFIRMED',
      `the storage confirmed "${key}" with a size of ${size} bytes, sent were ${content.length}`,
    )
  } catch (error) {
    if (!isStorageError(error, 'AlreadyExists')) throw error
  }
  return getSmallObject(storage, key, signal)
}

/** @throws StorageError, also `NotFound`. */
export async function getSmallObject(storage: Storage, key: string, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of await storage.get(key, { signal })) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

/** The beginning of the SHA-256 of `content`, as it stands in the names of objects in quarantine. */
export function contentDigest(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 32)
}

function bytesSource(bytes: Uint8Array): ByteSource {
  return {
    size: bytes.length,
    // eslint-disable-next-line @typescript-eslint/require-await -- the contract is asynchronous
    async *open() {
      yield bytes
    },
  }
}
