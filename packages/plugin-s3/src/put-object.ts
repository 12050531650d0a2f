import { StorageError, type ByteSource, type PutConfirmation, type PutOptions } from '@walr/core/plugin'
import { PartReader } from '@walr/plugin-kit/storage'
import type { S3Access } from './access.ts'
import { proveConditionalWrites } from './conditional-writes.ts'
import { DigestMeter } from './digests.ts'
import { refuseExisting } from './head-object.ts'
import { MAX_PARTS, putMultipart } from './put-multipart.ts'
import { putSingle } from './put-single.ts'

/** S3's own limit. */
const MAX_OBJECT_BYTES = 5 * 1024 ** 4

/** The largest object that can be stored with parts of this size. */
export function maxObjectBytes(partSize: number): number {
  return Math.min(MAX_OBJECT_BYTES, MAX_PARTS * partSize)
}

/**
 * Stores an object: with one request when it fits into `partSize`, in parts otherwise. Takes no more memory than
 * `partSize` for each part under way and one that is being filled; for one that knows it is smaller, its size.
 */
export async function putObject(
  access: S3Access,
  key: string,
  source: ByteSource,
  { ifAbsent, signal }: PutOptions,
): Promise<PutConfirmation> {
  const { partSize, checksumAlgorithm, conditionalWrites } = access.options
  const limit = maxObjectBytes(partSize)
  if (source.size !== undefined && source.size > limit) {
    throw new StorageError('Permanent', `${source.size} bytes are more than ${limit}; raise "partSize" (${partSize})`)
  }
  const isConditional = ifAbsent && conditionalWrites
  if (isConditional) await proveConditionalWrites(access, signal)
  const reader = new PartReader(source, partSize, () => new DigestMeter(checksumAlgorithm))
  try {
    const first = await reader.next(signal)
    if (!first.isLast) return await putMultipart(access, key, { first, reader }, { ifAbsent, signal })
    if (ifAbsent && !isConditional) await refuseExisting(access, key, signal)
    return await putSingle(access, key, first, { isConditional, signal })
  } finally {
    await reader.close()
  }
}
