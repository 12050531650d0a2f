import type { BlobGetPropertiesResponse } from '@azure/storage-blob'
import { StorageError, type StoredObject } from '@walr/core/plugin'
import { blobOf, type AzureAccess } from './access.ts'
import { azureStorageError } from './error-map.ts'
import { customerKey } from './write-settings.ts'

/**
 * Tells about an object. @throws StorageError NotFound only when the server said that it is the blob that is absent.
 */
export async function headObject(access: AzureAccess, key: string, signal: AbortSignal): Promise<StoredObject> {
  const { contentLength: size, lastModified: modifiedAt } = await requestHead(access, key, signal)
  if (size === undefined || modifiedAt === undefined) {
    throw new StorageError('Permanent', `the server told no size or time of "${key}"`)
  }
  return { key, size, modifiedAt }
}

/** @throws StorageError AlreadyExists when there is an object. */
export async function refuseExisting(access: AzureAccess, key: string, signal: AbortSignal): Promise<void> {
  try {
    await requestHead(access, key, signal)
  } catch (error) {
    if (azureStorageError(error, '').code === 'NotFound') return
    throw error
  }
  throw new StorageError('AlreadyExists', `there is an object "${key}" already`)
}

/** The answer to HEAD; unlike S3's it tells with a header what is absent. */
export function requestHead(
  access: AzureAccess,
  key: string,
  abortSignal: AbortSignal,
): Promise<BlobGetPropertiesResponse> {
  return blobOf(access, key).getProperties({ ...customerKey(access.options), abortSignal })
}
