import { GetObjectCommand, HeadObjectCommand, type HeadObjectCommandOutput } from '@aws-sdk/client-s3'
import { StorageError, type StoredObject } from '@walr/core/plugin'
import { addressOf, type S3Access } from './access.ts'
import { isBare404, s3StorageError } from './error-map.ts'
import { customerKey } from './object-settings.ts'

/** Tells about an object. @throws StorageError NotFound only when the server said that it is the key that is absent. */
export async function headObject(access: S3Access, key: string, signal: AbortSignal): Promise<StoredObject> {
  const { ContentLength: size, LastModified: modifiedAt } = await requestHead(access, key, signal)
  if (size === undefined || modifiedAt === undefined) {
    throw new StorageError('Permanent', `the server told no size or time of "${key}"`)
  }
  return { key, size, modifiedAt }
}

/** @throws StorageError AlreadyExists when there is an object. */
export async function refuseExisting(access: S3Access, key: string, signal: AbortSignal): Promise<void> {
  try {
    await requestHead(access, key, signal)
  } catch (error) {
    if (s3StorageError(error, '').code === 'NotFound') return
    throw error
  }
  throw new StorageError('AlreadyExists', `there is an object "${key}" already`)
}

/**
 * The answer to HEAD. That of something absent has no body, so it does not tell whether it is the key or the whole
 * bucket: then a GET of one byte asks again.
 */
export async function requestHead(
  access: S3Access,
  key: string,
  abortSignal: AbortSignal,
): Promise<HeadObjectCommandOutput> {
  const input = { ...addressOf(access, key), ...customerKey(access.options) }
  try {
    return await access.client.send(new HeadObjectCommand({ ...input, ChecksumMode: 'ENABLED' }), { abortSignal })
  } catch (error) {
    if (!isBare404(error)) throw error
  }
  const found = await access.client.send(new GetObjectCommand({ ...input, Range: 'bytes=0-0' }), { abortSignal })
  await found.Body?.transformToByteArray()
  throw new StorageError('Transient', `the server said first that "${key}" is absent, and then that it is not`)
}
