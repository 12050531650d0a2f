import { StorageError, type StoredObject } from '@walr/core/plugin'
import { collectionPath, customerKey, objectPath, type GcsAccess } from './access.ts'
import { ApiError } from './api-error.ts'
import { parsePage } from './list-objects.ts'
import { RESOURCE_FIELDS, toResource, toStoredObject, type ObjectResource } from './object-resource.ts'

/** Tells about an object. @throws StorageError NotFound only when the server said that it is the key that is absent. */
export async function headObject(access: GcsAccess, key: string, signal: AbortSignal): Promise<StoredObject> {
  return toStoredObject(await requestResource(access, key, signal), access.namePrefix)
}

/** What the server tells about an object, its checksum included. */
export async function requestResource(access: GcsAccess, key: string, signal: AbortSignal): Promise<ObjectResource> {
  try {
    const query = { fields: RESOURCE_FIELDS }
    const headers = customerKey(access.options)
    const target = objectPath(access, key)
    return toResource(await access.client.json({ method: 'GET', target, query, headers, signal }))
  } catch (error) {
    if (isAbsence(error)) return await tellAbsent(access, key, signal)
    throw error
  }
}

/** True for the answer that something is absent: the object, the bucket, or all of Google Cloud Storage. */
export function isAbsence(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404
}

/**
 * What the answer 404 to a question about an object means. It does not tell reliably what is absent, so the bucket is
 * asked for what it has under that very name.
 * @throws StorageError NotFound when the bucket is there and says that it has no such object.
 */
export async function tellAbsent(access: GcsAccess, key: string, signal: AbortSignal): Promise<never> {
  const name = access.namePrefix + key
  const query = { prefix: name, maxResults: '1', fields: 'kind,items(name)' }
  // the name itself comes before all that begin with it
  const { items } = parsePage(
    await access.client.json({ method: 'GET', target: collectionPath(access), query, signal }),
  )
  if (items.some((item) => item.name === name)) {
    throw new StorageError('Transient', `the server said first that "${key}" is absent, and then that it is not`)
  }
  throw new StorageError('NotFound', `there is no object "${name}" in bucket "${access.options.bucket}"`)
}

/** @throws ApiError unless there is a bucket. */
export async function requireBucket(access: GcsAccess, signal: AbortSignal): Promise<void> {
  const query = { maxResults: '1', fields: 'kind' }
  parsePage(await access.client.json({ method: 'GET', target: collectionPath(access), query, signal }))
}
