import { StorageError, type ByteSource, type PutConfirmation, type PutOptions } from '@walr/core/plugin'
import { PartReader } from '@walr/plugin-kit/storage'
import type { AzureAccess } from './access.ts'
import { ObjectMeter } from './digests.ts'
import { MAX_BLOCKS, putBlocks } from './put-blocks.ts'
import { putSingle } from './put-single.ts'

/** The largest object that can be stored with blocks of this size. */
export function maxObjectBytes(blockSize: number): number {
  return MAX_BLOCKS * blockSize
}

/**
 * Stores an object: with one request when it fits into `blockSize`, in blocks otherwise. Takes no more memory than
 * `blockSize` for each block under way and one that is being filled; for one that knows it is smaller, its size.
 */
export async function putObject(
  access: AzureAccess,
  key: string,
  source: ByteSource,
  { ifAbsent, signal }: PutOptions,
): Promise<PutConfirmation> {
  const { blockSize } = access.options
  const limit = maxObjectBytes(blockSize)
  if (source.size !== undefined && source.size > limit) {
    throw new StorageError('Permanent', `${source.size} bytes are more than ${limit}; raise "blockSize" (${blockSize})`)
  }
  const meter = new ObjectMeter()
  const reader = new PartReader(source, blockSize, meter.nextPart)
  try {
    const first = await reader.next(signal)
    if (first.isLast) return await putSingle(access, key, first, { ifAbsent, signal })
    return await putBlocks(access, key, { first, reader, meter }, { ifAbsent, signal })
  } finally {
    await reader.close()
  }
}
