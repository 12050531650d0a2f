import { StorageError, type ByteSource, type PutConfirmation } from '@walr/core/plugin'
import { PartReader, type Part } from '@walr/plugin-kit/storage'
import type { GcsAccess } from './access.ts'
import { confirmPut } from './confirmation.ts'
import { Crc32c } from './crc32c.ts'
import { putSingle } from './put-single.ts'
import { ResumableSession } from './resumable-session.ts'
import type { UploadOptions } from './upload-target.ts'

/** The server's own limit. */
export const MAX_OBJECT_BYTES = 5 * 1024 ** 4

/**
 * Stores an object: with one request when it fits into `chunkSize`, in chunks otherwise. Takes memory for one chunk and
 * another one that is being filled; for an object that knows it is smaller, its size.
 */
export async function putObject(
  access: GcsAccess,
  key: string,
  source: ByteSource,
  options: UploadOptions,
): Promise<PutConfirmation> {
  if (source.size !== undefined && source.size > MAX_OBJECT_BYTES) {
    throw new StorageError(
      'Permanent',
      `${source.size} bytes are more than the ${MAX_OBJECT_BYTES} of the largest object`,
    )
  }
  // of a part it tells the checksum of the object so far
  const checksum = new Crc32c()
  const reader = new PartReader<Buffer>(source, access.options.chunkSize, () => checksum)
  try {
    const first = await reader.next(options.signal)
    if (first.isLast) return await putSingle(access, key, first, options)
    return await putResumable(access, key, { first, reader }, options)
  } finally {
    await reader.close()
  }
}

/** Stores an object in chunks. While one is being sent the next one is read. */
async function putResumable(
  access: GcsAccess,
  key: string,
  { first, reader }: { readonly first: Part<Buffer>; readonly reader: PartReader<Buffer> },
  { ifAbsent, signal: outer }: UploadOptions,
): Promise<PutConfirmation> {
  const failed = new AbortController()
  const signal = AbortSignal.any([outer, failed.signal])
  const session = await ResumableSession.begin(access, key, { ifAbsent, signal })
  let part = first
  let start = 0
  let isComplete = false
  try {
    for (;;) {
      const { bytes, isLast, digests: crc32c } = part
      const sending = session.send({ bytes, start, crc32c, isLast })
      const next = isLast ? undefined : reader.next(signal)
      // the first failure of the two ends the other one, and neither goes on alone
      const [answer, following] = await Promise.all([sending, next]).catch(async (error: unknown) => {
        failed.abort(error)
        await Promise.allSettled([sending, next])
        throw error
      })
      start += bytes.length
      if (following === undefined) {
        isComplete = true
        return await confirmPut(access, key, { sent: { size: start, crc32c }, answer, signal })
      }
      reader.giveBack(part)
      part = following
    }
  } catch (error) {
    if (!isComplete) await session.cancel()
    throw error
  }
}
